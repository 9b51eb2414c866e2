#!/bin/bash
# Switches the site on, over plain HTTP. The next script adds HTTPS.
set -euo pipefail

install -d -m 0755 /etc/nginx/berth-http.d /var/www/acme /srv/www
cat >/etc/nginx/berth-http.d/content.conf <<'CONF'
include /etc/nginx/snippets/berth-content.conf;
CONF
rm -f /etc/nginx/sites-enabled/default
ln -sfn ../sites-available/berth-site.conf /etc/nginx/sites-enabled/berth-site.conf
nginx -t
systemctl enable nginx
systemctl reload-or-restart nginx
