#!/bin/sh
# Sets up the OpenMRS event log on the server that it runs on, from this directory alone: no internet, no Ansible.
# Nothing of this directory is written to. What the run itself needs is unpacked beside it and removed at the end.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
umask 022

usage() {
    cat <<'END'
Usage: sudo sh install.sh [--vault-password-file FILE] [--playbook NAME] [--work DIRECTORY] [OPTIONS OF ANSIBLE]

Sets up the event log on this server. A second run changes nothing; a newer bundle upgrades.

  --check --diff              show what would change, and change nothing
  --vault-password-file FILE  read the bundle's password from a file instead of asking for it
  --playbook NAME             run another playbook: preflight, status, remove, ... (default: site)
  --work DIRECTORY            unpack there (default: where there is room), removed at the end
END
}

say() { printf '%s\n' "$@"; }

# Everything that can be refused is refused before anything on the server was changed. Python is installed after that, and
# the password is looked at after Python.
altered='nothing on it was changed'
refuse() {
    say "" "This server was not set up, and $altered." "$@" >&2
    exit 3
}

work='' hidden='' terminal=''
# shellcheck disable=SC2317,SC2329  # called by the trap
clean() {
    code=$?
    trap - EXIT HUP INT TERM
    [ -z "$terminal" ] || stty "$terminal" 2>/dev/null || : # gone
    [ -z "$hidden" ] || rm -rf -- "$hidden"
    [ -z "$work" ] || rm -rf -- "$work"
    exit "$code"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
python3=${EVENT_LOG_PYTHON:-/usr/bin/python3}
password_file='' playbook=site place='' looking=''
count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    count=$((count - 1))
    case $word in
        -h | --help)
            usage
            exit 0
            ;;
        --vault-password-file=* | --playbook=* | --work=*) value=${word#*=} ;;
        --vault-password-file | --playbook | --work)
            [ "$count" -gt 0 ] || refuse "$word needs a value. See: sh install.sh --help"
            value=$1
            shift
            count=$((count - 1))
            ;;
        *)
            # Also as -CD and -vC; a word that is no bundle of switches, as -eX=C, is none of those.
            case $word in
                --ch*) looking=1 ;;
                --* | -*[!CDJKbkv]*) ;;
                -*C*) looking=1 ;;
            esac
            set -- "$@" "$word"
            continue
            ;;
    esac
    case $word in
        --vault-password-file*) password_file=$value ;;
        --playbook*) playbook=$value ;;
        *) place=$value ;;
    esac
done
case $playbook in
    '' | *[!a-z_]*) refuse "$playbook is no name of a playbook." ;;
esac

setting() { sed -n "s/^$1=//p" "$here/bundle.conf"; }

[ "$(id -u)" -eq 0 ] || refuse "It needs the rights of root. Type:  sudo sh '$here/install.sh'"
[ -r "$here/bundle.conf" ] && [ -r "$here/SHA256SUMS" ] ||
    refuse "$here is not complete: bundle.conf or SHA256SUMS is missing. Copy the whole directory again."

site=$(setting site) release=$(setting release) architecture=$(setting architecture) python=$(setting python)
number=$(sha256sum "$here/SHA256SUMS" | cut -c 1-12)
say "OpenMRS event log, bundle $number for site $site ($release, $architecture)."

# shellcheck source=/dev/null
found=$(. "${EVENT_LOG_OS_RELEASE:-/etc/os-release}" && printf '%s-%s' "${ID:-unknown}" "${VERSION_ID:-unknown}")
[ "$found" = "$release" ] ||
    refuse "The bundle is for $release, and this server runs $found." "Ask for a bundle made with site_bundle_release=$found."
machine=$(dpkg --print-architecture)
[ "$machine" = "$architecture" ] ||
    refuse "The bundle is for processors of the kind $architecture, and this server has $machine."
say "Checking that every file arrived whole ($(du -sm "$here" | cut -f 1) MB) ..."
damaged=$(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS 2>/dev/null | sed 's/: FAILED.*//' | head -n 20) || true
[ -z "$damaged" ] || refuse "These files are damaged or missing:" "$damaged" \
    "Copy the bundle again; rsync -rc moves only what differs. If it happens again, use another stick."
(cd "$here" && sha256sum --check --status --strict SHA256SUMS) ||
    refuse "SHA256SUMS itself is damaged. Copy the bundle again."

archive=$(sed -n 's/^[0-9a-f]*  \(collections\/openmrs-event_log-.*\)$/\1/p' "$here/SHA256SUMS")
tar -tzf "$here/$archive" "ansible_collections/openmrs/event_log/playbooks/$playbook.yml" >/dev/null 2>&1 ||
    refuse "There is no playbook $playbook in this bundle."
vault=inventory/group_vars/all/vault.yml
grep -q "  $vault\$" "$here/SHA256SUMS" || vault=''
if [ -n "$vault" ] && [ -n "$password_file" ]; then
    [ -r "$password_file" ] || refuse "$password_file, which should hold the password, cannot be read."
elif [ -n "$vault" ]; then
    [ -t 0 ] || refuse "Nobody is there to ask for the password. Give it with --vault-password-file FILE."
fi
packages=$here/packages/$release
if [ ! -x "$python3" ]; then
    [ -r "$packages/install-packages" ] ||
        refuse "Python is missing. Debian's package python3 is on its installation medium: apt-get install python3"
    [ -z "$looking" ] ||
        refuse "Python is missing, without which nothing can be looked at. Without --check it is installed."
fi

# Each run holds a lock on what it unpacked, and Ansible with it. What nobody holds was left by a run that was killed.
remove_left_over() {
    find "$1" -maxdepth 1 -type d -name 'event-log-install.??????' -user "$(id -u)" 2>/dev/null |
        while IFS= read -r old; do
            if [ -e "$old/lock" ]; then
                flock --nonblock "$old/lock" rm -rf -- "$old" || continue
            elif [ -n "$(find "$old" -maxdepth 0 -mmin +60)" ]; then
                rm -rf -- "$old"
            fi
        done
}
for candidate in ${place:+"$place"} /var/tmp /opt /root /tmp /run; do
    remove_left_over "$candidate"
done

# A place with room where a program may run: hospitals harden /var/tmp with noexec.
room=$(setting room_kb)
tried=''
for candidate in ${place:+"$place"} /var/tmp /opt /root /tmp; do
    [ -d "$candidate" ] && [ -w "$candidate" ] || continue
    free=$(df -Pk "$candidate" | awk 'NR == 2 { print $4 }')
    if [ "$free" -lt "$room" ]; then
        tried="$tried $candidate ($((free / 1024)) MB free)"
        continue
    fi
    work=$(mktemp -d "$candidate/event-log-install.XXXXXX")
    say '#!/bin/sh' >"$work/probe"
    chmod 0700 "$work/probe"
    if "$work/probe" 2>/dev/null; then
        break
    fi
    tried="$tried $candidate (noexec)"
    rm -rf -- "$work"
    work=''
done
[ -n "$work" ] || refuse "There is no room to unpack $((room / 1024)) MB. Tried:$tried." \
    "Free some space, or name another directory with --work DIRECTORY."
exec 9>"$work/lock"
flock --nonblock 9

if [ ! -x "$python3" ]; then
    say "Installing Python ..."
    altered='at most Python was installed on it'
    sh "$packages/install-packages" install "$packages" python3 >/dev/null ||
        refuse "Python is missing, and it could not be installed from the bundle."
fi
has=$("$python3" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])') || has=broken
[ "$has" = "$python" ] || refuse "The bundle needs Python $python at $python3, which is $has on this server."

say "Unpacking ..."
mkdir "$work/lib" "$work/collections"
# Only what the list names: a copy over an older bundle leaves the older one's files beside the new.
sed 's/^[0-9a-f]*  //' "$here/SHA256SUMS" >"$work/names"
while IFS= read -r name; do
    case $name in
        wheels/*.whl) "$python3" -I -m zipfile -e "$here/$name" "$work/lib" ;;
        collections/*.tar.gz) tar -xzf "$here/$name" -C "$work/collections" --no-same-owner ;;
        inventory/*)
            # A stick makes every file a program, which Ansible would then start instead of reading it.
            mkdir -p "$work/$(dirname "$name")"
            (umask 077 && cat -- "$here/$name" >"$work/$name")
            ;;
    esac
done <"$work/names"

start() { "$python3" -I "$here/start.py" "$1" "$work" "$here" "$playbook" "$hidden/password" "$2"; }

# The password is kept where no disk is, and only while this runs.
hidden=$(mktemp -d /run/event-log-install.XXXXXX 2>/dev/null || mktemp -d "$work/hidden.XXXXXX")
exec 8>"$hidden/lock"
flock --nonblock 8
if [ -n "$vault" ]; then
    if [ -n "$password_file" ]; then
        (umask 077 && cat -- "$password_file" >"$hidden/password")
        start check-password last || refuse "The password in $password_file is not the one of this bundle."
    else
        for attempt in 1 2 last; do
            terminal=$(stty -g)
            stty -echo
            printf 'Password of the bundle (it is not shown): '
            IFS= read -r answer || answer=''
            stty "$terminal"
            terminal=''
            say ""
            (umask 077 && printf '%s\n' "$answer" >"$hidden/password")
            answer=''
            if start check-password "$attempt"; then
                break
            fi
            [ "$attempt" != last ] || refuse "That was not the password of this bundle, three times."
            say "That is not the password of this bundle. Once more:"
        done
    fi
fi

cd "$work"
code=0
"$python3" -I "$here/start.py" run "$work" "$here" "$playbook" "$hidden/password" "$@" || code=$?
[ "$code" -eq 0 ] ||
    say "" "The run ended with an error, told above. It can be repeated at any time: what is done is not done again." >&2
exit "$code"
