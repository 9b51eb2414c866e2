#!/bin/bash
# Makes your user, with sudo and your ssh key. A password is made too, for sudo
# alone: it is with the container's credentials.
set -euo pipefail

user="$INPUT_USERNAME"
if ! id "$user" >/dev/null 2>&1; then
  useradd --create-home --shell /bin/bash "$user"
  made="$(generate_password)"
  chpasswd <<<"$user:$made"
  save_credential development user "$user"
  save_credential development sudo-password "$made"
fi
usermod --append --groups sudo "$user"

if [ -n "$INPUT_SSH_KEY" ]; then
  home="$(getent passwd "$user" | cut -d: -f6)"
  install -d -m 0700 -o "$user" -g "$user" "$home/.ssh"
  touch "$home/.ssh/authorized_keys"
  if ! grep -qxF "$INPUT_SSH_KEY" "$home/.ssh/authorized_keys"; then
    printf '%s\n' "$INPUT_SSH_KEY" >>"$home/.ssh/authorized_keys"
  fi
  chown "$user:$user" "$home/.ssh/authorized_keys"
  chmod 0600 "$home/.ssh/authorized_keys"
  ssh-keygen -l -f "$home/.ssh/authorized_keys"
fi
