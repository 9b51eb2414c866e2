# Functions that every script of a template finds at hand. They are read before
# the script, by bash, as root, inside of the container. docs/template-layout.md tells of each.

# Where save_credential keeps what it is given; discovery reads it back.
BERTH_CREDENTIALS="${BERTH_CREDENTIALS:-/root/.berth/credentials}"

log_info() { printf '%s\n' "$*"; }
log_warn() { printf 'warning: %s\n' "$*" >&2; }
log_error() { printf 'error: %s\n' "$*" >&2; }

# is_installed PACKAGE: whether the system's package manager has installed it.
is_installed() {
  if command -v dpkg-query >/dev/null 2>&1; then
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
  elif command -v apk >/dev/null 2>&1; then
    apk info -e "$1" >/dev/null 2>&1
  elif command -v rpm >/dev/null 2>&1; then
    rpm -q "$1" >/dev/null 2>&1
  else
    log_error "is_installed: there is no package manager that it knows"
    return 2
  fi
}

# wait_for_apt_lock [SECONDS]: until no other apt or dpkg runs, at most 300 seconds.
wait_for_apt_lock() {
  local left="${1:-300}" file inode busy
  while :; do
    busy=
    for file in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
      [ -e "$file" ] || continue
      inode="$(stat -c %i "$file")"
      if grep -q ":$inode " /proc/locks 2>/dev/null; then busy="$file"; fi
    done
    [ -n "$busy" ] || return 0
    if [ "$left" -le 0 ]; then
      log_error "another program holds $busy"
      return 1
    fi
    sleep 1
    left=$((left - 1))
  done
}

# ensure_installed PACKAGE…: installs those that are missing, and asks nothing.
ensure_installed() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  log_info "installing ${missing[*]}"
  if command -v apt-get >/dev/null 2>&1; then
    wait_for_apt_lock || return 1
    if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 -print -quit 2>/dev/null)" ]; then
      apt-get update -q || return 1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
      -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -- "${missing[@]}"
  elif command -v apk >/dev/null 2>&1; then
    apk add --no-cache -- "${missing[@]}"
  elif command -v dnf >/dev/null 2>&1; then
    dnf install -y -- "${missing[@]}"
  else
    log_error "ensure_installed: there is no package manager that it knows"
    return 2
  fi
}

# run_as_user USER COMMAND [ARGUMENT…]: as that user, in their home, with their HOME.
run_as_user() {
  local user="$1" home command
  shift
  home="$(getent passwd "$user" 2>/dev/null | cut -d: -f6)"
  [ -n "$home" ] || home="$(sed -n "s/^${user}:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*/\1/p" /etc/passwd)"
  if [ -z "$home" ]; then
    log_error "run_as_user: there is no user $user"
    return 1
  fi
  if command -v runuser >/dev/null 2>&1; then
    (cd "$home" 2>/dev/null || cd / && exec runuser -u "$user" -- env HOME="$home" USER="$user" LOGNAME="$user" "$@")
  else
    command="$(printf '%q ' "$@")"
    su -s /bin/bash - "$user" -c "$command"
  fi
}

# generate_password [LENGTH]: letters and digits from the kernel's random numbers, 24 unless told otherwise.
generate_password() {
  local length="${1:-24}" made=
  while [ "${#made}" -lt "$length" ]; do
    made+="$(head -c 256 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9')"
  done
  printf '%s\n' "${made:0:length}"
}

# save_credential SERVICE KEY VALUE: keeps it where only root reads it and Berth finds it.
# The same service and key again replaces the value.
save_credential() {
  local service="$1" key="$2" value="$3" file lines
  case "$service$key" in
    *[!A-Za-z0-9._-]* | "")
      log_error "save_credential: a service and a key have letters, digits, dots, hyphens and underscores"
      return 1
      ;;
  esac
  case "$service" in .* | "") log_error "save_credential: a service does not begin with a dot" && return 1 ;; esac
  [ -n "$key" ] || { log_error "save_credential: a key is missing" && return 1; }
  (
    umask 077
    mkdir -p "$BERTH_CREDENTIALS"
    file="$BERTH_CREDENTIALS/$service"
    lines="$(grep -v "^${key//./\\.}=" "$file" 2>/dev/null || true)"
    {
      [ -z "$lines" ] || printf '%s\n' "$lines"
      printf '%s=%s\n' "$key" "$(printf '%s' "$value" | base64 | tr -d '\n')"
    } >"$file.new"
    mv "$file.new" "$file"
  )
}
