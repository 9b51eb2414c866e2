#!/bin/bash
# Dumps every database each night, and keeps a week of them. They lie on the
# same disk: they help against a mistake, not against a lost disk.
set -euo pipefail

install -d -m 0700 -o postgres -g postgres /var/backups/postgresql
cat >/usr/local/sbin/berth-dump-databases <<'DUMP'
#!/bin/bash
set -euo pipefail
umask 077
cd /var/backups/postgresql
file="all-$(date +%Y%m%d-%H%M%S).sql.gz"
pg_dumpall | gzip >"$file.new"
mv "$file.new" "$file"
find . -maxdepth 1 -name 'all-*.sql.gz' -mtime +7 -delete
DUMP
chmod 0755 /usr/local/sbin/berth-dump-databases

cat >/etc/systemd/system/berth-dump-databases.service <<'UNIT'
[Unit]
Description=Dump every PostgreSQL database
After=postgresql.service

[Service]
Type=oneshot
User=postgres
ExecStart=/usr/local/sbin/berth-dump-databases
UNIT
cat >/etc/systemd/system/berth-dump-databases.timer <<'UNIT'
[Unit]
Description=Dump every PostgreSQL database each night

[Timer]
OnCalendar=*-*-* 02:30
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
systemctl enable --now berth-dump-databases.timer
systemctl start berth-dump-databases.service
log_info "The first dump: $(find /var/backups/postgresql -name 'all-*.sql.gz' -printf '%f, %s bytes\n' | head -n 1)"
