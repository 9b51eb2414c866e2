#!/bin/bash
# ssh with keys only, when there is one; else it is switched off.
set -euo pipefail

if [ -z "$INPUT_SSH_KEY" ]; then
  log_warn "No ssh key was given, so ssh is switched off; use the console, or add a key and enable ssh."
  systemctl disable --now ssh
  exit 0
fi
cat >/etc/ssh/sshd_config.d/berth.conf <<'CONF'
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
CONF
sshd -t
systemctl enable ssh
systemctl restart ssh
