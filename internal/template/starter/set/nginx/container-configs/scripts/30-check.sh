#!/bin/bash
# Asks the site for a page, as a browser in this container would.
set -euo pipefail

address="http://$INPUT_DOMAIN/"
if [ "$INPUT_TLS" != none ]; then
  address="https://$INPUT_DOMAIN/"
fi
# The name is led to this container, and the certificate is not looked at here: only whether nginx answers.
curl --silent --show-error --fail --insecure --max-time 20 --retry 3 --retry-connrefused \
  --resolve "$INPUT_DOMAIN:80:127.0.0.1" --resolve "$INPUT_DOMAIN:443:127.0.0.1" --output /dev/null "$address"
log_info "$address answers."
