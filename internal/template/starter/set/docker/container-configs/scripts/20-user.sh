#!/bin/bash
# Makes the user that may use Docker, when one is named.
set -euo pipefail

if [ -z "$INPUT_DOCKER_USER" ]; then
  log_info "Only root uses Docker."
  exit 0
fi
if ! id "$INPUT_DOCKER_USER" >/dev/null 2>&1; then
  useradd --create-home --shell /bin/bash "$INPUT_DOCKER_USER"
fi
usermod --append --groups docker "$INPUT_DOCKER_USER"
run_as_user "$INPUT_DOCKER_USER" docker version --format 'Docker {{.Server.Version}} answers.'
