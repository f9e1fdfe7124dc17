# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: paths, and an environment in which nothing can reach a real account.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
repo=$(dirname "$root")
# All that these scripts write, git-ignored. Nothing is written next to the sources.
scratch=$repo/.local
venv=$repo/.venv
# The copy of the root that `up` applies; its state is there too.
stack=$scratch/stack
# The key that signs tokens for the stack, and the IAM user who may call it.
identity=$scratch/identity

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# need COMMAND HOW: stops before any work is done if a command is missing.
need() {
  command -v "$1" >/dev/null || die "$1 is missing. $2"
}

need_terraform() {
  need terraform "Terraform 1.11 or later: https://developer.hashicorp.com/terraform/install"
}

# Variables of the shell that would lead Terraform or an SDK anywhere but to where these scripts point: credentials,
# profiles, endpoints, variables and workspaces meant for another stack.
clean_environment() {
  local name
  for name in $(compgen -e AWS_ || true) $(compgen -e TF_VAR_ || true) $(compgen -e TF_CLI_ARGS || true); do
    unset "$name"
  done
  unset TF_WORKSPACE TF_DATA_DIR
  # Terraform complains at each call of a configuration file that is not there.
  [ -f "${TF_CLI_CONFIG_FILE:-}" ] || unset TF_CLI_CONFIG_FILE
  export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
  export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
}

# Makes Terraform take its provider from a mirror on this machine, if there is one, else from its registry.
use_provider_mirror() {
  local mirror
  if mirror=$("$here/provider-mirror"); then
    export TF_CLI_ARGS_init="-plugin-dir=$mirror"
  fi
}

# copy_root DIRECTORY: the root as it is in the repository, without what makes it a deployment of one's own (variables,
# backend, overrides). Terraform's own files in the copy stay.
copy_root() {
  mkdir -p "$1"
  rm -rf "${1:?}"/{examples,local,modules,tests} "$1"/*.tf
  tar -C "$root" -cf - --exclude .terraform --exclude 'terraform.tfvars*' --exclude '*.auto.tfvars*' --exclude 'terraform.tfstate*' \
    --exclude 'backend*.tf' --exclude '*override.tf' . | tar -C "$1" -xf -
}
