#!/bin/bash
# Brings every package up to date. The image may be months old.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
wait_for_apt_lock
apt-get update -q
apt-get dist-upgrade -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
apt-get autoremove -q -y
apt-get clean
