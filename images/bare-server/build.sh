#!/usr/bin/env bash
# build.sh TAG: a Debian 12 with nothing but its base, as an image. Pulled where a registry answers, else made by debootstrap.
set -euo pipefail
tag=$1
if docker image inspect "$tag" >/dev/null 2>&1; then exit 0; fi
if timeout 60 docker pull --quiet debian:bookworm-slim 2>/dev/null; then
  docker tag debian:bookworm-slim "$tag"
  exit 0
fi
command -v debootstrap >/dev/null || {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# shellcheck disable=SC2016 # the name of a field, for apt
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep '/debian/\?$' | head -n 1)
debootstrap --variant=minbase bookworm "$root" "$mirror"
tar -C "$root" --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* -c . | docker import - "$tag"
