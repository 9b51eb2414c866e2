#!/bin/bash
# Tries Docker, and says what is missing in the container's features.
set -euo pipefail

docker info --format 'Storage driver {{.Driver}}, cgroups version {{.CgroupVersion}}.'
case "$(docker info --format '{{.Driver}}')" in
  vfs) log_warn "Docker keeps every layer whole (vfs), since nothing better works on this storage: builds are slow and large." ;;
esac

# keyctl: without it the kernel's keyrings are refused, and runc says so.
if docker run --rm --pull missing hello-world >/tmp/hello 2>&1; then
  log_info "A container in the container runs."
else
  log_error "Docker is installed, but cannot run a container:"
  cat /tmp/hello >&2
  log_error "The container needs nesting, and keyctl when it is unprivileged. As root@pam on the node: pct set VMID --features keyctl=1,nesting=1"
  exit 1
fi
docker image rm --force hello-world >/dev/null
rm -f /tmp/hello
