#!/bin/bash
# Sets the time zone. A name that the system does not have stops here, before
# anything logs in a wrong time.
set -euo pipefail

zone="/usr/share/zoneinfo/$INPUT_TIMEZONE"
if [ ! -f "$zone" ]; then
  log_error "There is no time zone named $INPUT_TIMEZONE; see /usr/share/zoneinfo."
  exit 1
fi
ln -sfn "$zone" /etc/localtime
printf '%s\n' "$INPUT_TIMEZONE" >/etc/timezone
log_info "It is $(date '+%H:%M %Z')."
