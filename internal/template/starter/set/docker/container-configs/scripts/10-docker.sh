#!/bin/bash
# Installs Docker Engine and Compose from Docker's repository. The repository's
# key is used only when it is the one that Docker publishes the fingerprint of:
# https://docs.docker.com/engine/install/debian/
set -euo pipefail

fingerprint=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
keyring=/etc/apt/keyrings/docker.asc

install -d -m 0755 /etc/apt/keyrings
curl -fsSL --proto '=https' --retry 3 -o "$keyring.new" https://download.docker.com/linux/debian/gpg
found="$(gpg --batch --show-keys --with-colons "$keyring.new" | awk -F: '$1 == "fpr" { print $10; exit }')"
if [ "$found" != "$fingerprint" ]; then
  log_error "Docker's key has the fingerprint $found instead of $fingerprint; nothing was installed."
  rm -f "$keyring.new"
  exit 1
fi
mv "$keyring.new" "$keyring"
chmod 0644 "$keyring"

# shellcheck disable=SC1091
codename="$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")"
cat >/etc/apt/sources.list.d/docker.sources <<SOURCES
Types: deb
URIs: https://download.docker.com/linux/debian
Suites: $codename
Components: stable
Architectures: $(dpkg --print-architecture)
Signed-By: $keyring
SOURCES

wait_for_apt_lock
apt-get update -q
ensure_installed docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin
systemctl enable --now docker
