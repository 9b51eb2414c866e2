#!/bin/bash
# Your name in commits, and sensible settings for git. What is not given is left unset.
set -euo pipefail

git_set() { run_as_user "$INPUT_USERNAME" git config --global "$1" "$2"; }

git_set init.defaultBranch main
git_set pull.ff only
git_set fetch.prune true
if [ -n "$INPUT_GIT_NAME" ]; then git_set user.name "$INPUT_GIT_NAME"; fi
if [ -n "$INPUT_GIT_EMAIL" ]; then git_set user.email "$INPUT_GIT_EMAIL"; fi
run_as_user "$INPUT_USERNAME" git config --global --list
