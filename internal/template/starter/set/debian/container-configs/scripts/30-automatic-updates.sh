#!/bin/bash
# Lets security updates install themselves, when asked to.
set -euo pipefail

if [ "$INPUT_AUTOMATIC_UPDATES" != 1 ]; then
  log_info "Updates stay a matter of somebody's hands."
  exit 0
fi
ensure_installed unattended-upgrades
cat >/etc/apt/apt.conf.d/20auto-upgrades <<'CONF'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
CONF
# apt's timers wait up to twelve hours after boot; they are enabled by Debian itself.
systemctl is-enabled apt-daily-upgrade.timer >/dev/null
log_info "Security updates install themselves from now on."
