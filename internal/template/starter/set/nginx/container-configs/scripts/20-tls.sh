#!/bin/bash
# Gets or makes the certificate, as chosen, and adds HTTPS. With it plain HTTP
# only leads there.
set -euo pipefail

case "$INPUT_TLS" in
  none)
    log_info "The site stays without TLS."
    exit 0
    ;;
  self-signed)
    certificate=/etc/ssl/certs/berth-site.pem
    key=/etc/ssl/private/berth-site.key
    if [ ! -f "$certificate" ]; then
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
        -subj "/CN=$INPUT_DOMAIN" -addext "subjectAltName=DNS:$INPUT_DOMAIN" -keyout "$key" -out "$certificate"
      chmod 0600 "$key"
    fi
    log_info "Its fingerprint: $(openssl x509 -in "$certificate" -noout -fingerprint -sha256 | cut -d= -f2)"
    ;;
  letsencrypt)
    ensure_installed certbot
    contact=(--register-unsafely-without-email)
    if [ -n "$INPUT_EMAIL" ]; then
      contact=(--email "$INPUT_EMAIL" --no-eff-email)
    fi
    certbot certonly --non-interactive --agree-tos "${contact[@]}" --webroot --webroot-path /var/www/acme \
      --domain "$INPUT_DOMAIN" --deploy-hook 'systemctl reload nginx'
    certificate="/etc/letsencrypt/live/$INPUT_DOMAIN/fullchain.pem"
    key="/etc/letsencrypt/live/$INPUT_DOMAIN/privkey.pem"
    ;;
esac

cat >/etc/nginx/sites-available/berth-site-tls.conf <<CONF
server {
    listen 443 ssl default_server;
    listen [::]:443 ssl default_server;
    http2 on;
    server_name $INPUT_DOMAIN;

    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:berth:1m;
    include /etc/nginx/snippets/berth-content.conf;
}
CONF
# nginx before 1.25.1 says http2 in the listen lines.
if ! nginx -v 2>&1 | grep -Eq 'nginx/(1\.(2[6-9]|[3-9][0-9])|1\.25\.[1-9]|[2-9])'; then
  sed -i -e '/http2 on;/d' -e 's/ ssl default_server;/ ssl http2 default_server;/' /etc/nginx/sites-available/berth-site-tls.conf
fi
cat >/etc/nginx/berth-http.d/content.conf <<'CONF'
location / {
    return 301 https://$host$request_uri;
}
CONF
ln -sfn ../sites-available/berth-site-tls.conf /etc/nginx/sites-enabled/berth-site-tls.conf
nginx -t
systemctl reload nginx
