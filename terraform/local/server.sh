# shellcheck shell=bash disable=SC2154
# Sourced after lib.sh: the MiniStack process that `up` starts and `down` ends.

pid_file=$scratch/ministack.pid
log_file=$scratch/ministack.log

# A process id alone may belong to another process by now; together with its start time it does not.
identity() {
  LC_ALL=C ps -o pid= -o lstart= -p "$1" 2>/dev/null || true
}

# Prints the process id if the server that `up` started is still the process of that id.
server_pid() {
  local pid
  [ -f "$pid_file" ] || return 1
  pid=$(awk '{ print $1; exit }' "$pid_file")
  [ -n "$pid" ] && [ "$(identity "$pid")" = "$(cat "$pid_file")" ] || return 1
  printf '%s\n' "$pid"
}

responds() {
  "$venv/bin/python" - "$1" <<'PYTHON' 2>/dev/null
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(sys.argv[1] + "/_ministack/ready", timeout=2)
PYTHON
}

# Only this machine can reach it, it inherits nothing (its functions get its environment), and without AWS_ENDPOINT_URL
# the functions would call the real AWS. IAM is enforced, so that a role that is too narrow fails here and not on AWS.
start_server() {
  local port=$1
  mkdir -p "$scratch/ministack/home" "$scratch/ministack/tmp"
  # A process group of its own, so that `down` can end the functions' processes with it.
  set -m
  env -i PATH=/usr/bin:/bin HOME="$scratch/ministack/home" TMPDIR="$scratch/ministack/tmp" \
    BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" AWS_ENDPOINT_URL="http://127.0.0.1:$port" \
    AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1 \
    AWS_EC2_METADATA_DISABLED=true IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 PERSIST_STATE=0 AUTH="${CELLSTACK_AUTH:-true}" \
    "$venv/bin/ministack" >"$log_file" 2>&1 </dev/null &
  set +m
  identity "$!" >"$pid_file"
}

stop_server() {
  local pid tries=50
  pid=$(server_pid) || return 0
  kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid"
  while kill -0 -- "-$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
    sleep 0.1
    tries=$((tries - 1))
  done
  # It has no state worth an orderly end.
  kill -KILL -- "-$pid" 2>/dev/null || true
}
