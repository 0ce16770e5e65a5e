#!/bin/sh
# Prepares a fresh machine. Every step looks first and does nothing when there is nothing to do.
#   setup.sh venv PYTHON DIRECTORY   the virtual environment with everything that Lambent and its tests need
#   setup.sh node                    Node.js for the examples, when it is missing and we are root
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# apt PACKAGE...: install Debian packages as root or by a sudo that asks nothing. Fails when neither can be.
apt() {
	command -v apt-get >/dev/null 2>&1 || return 1
	if [ "$(id -u)" = 0 ]; then as_root=
	elif sudo -n true 2>/dev/null; then as_root='sudo -n'
	else return 1; fi
	say "installing $*"
	limit=
	! command -v timeout >/dev/null 2>&1 || limit='timeout 600'
	$as_root $limit apt-get update -qq >&2 || say "the package lists could not be renewed; trying those there are"
	$as_root env DEBIAN_FRONTEND=noninteractive $limit apt-get install -y -qq --no-install-recommends "$@" >&2
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

make_venv() {
	python=$1 venv=$2
	if [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1
	then return 0; fi
	[ -n "$python" ] || apt python3 || fail "Python is missing. Install Python 3.11 or later, then try again."
	python=${python:-python3}
	command -v "$python" >/dev/null 2>&1 || fail "there is no $python"
	new_enough "$python" || fail "Python 3.11 or later is needed; $python is $("$python" --version 2>&1). Say which one: make PY=/path/to/python3.11"
	if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
		package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
		apt "$package" && "$python" -c 'import ensurepip, venv' 2>/dev/null ||
			fail "$python cannot make virtual environments: its package $package is missing, and we may not install packages. Run as root: apt-get install $package"
	fi
	say "making $venv"
	rm -rf "$venv"
	"$python" -m venv "$venv"
}

# Building in the environment itself, not in pip's throw-away one, makes a second run work without a network.
install_packages() {
	pip="$1/bin/python -m pip --disable-pip-version-check --quiet"
	say "installing the packages (a minute the first time)"
	$pip install 'setuptools>=77' && $pip install --no-build-isolation --editable '.[dev]' ||
		fail "the packages could not be installed; pip says why above. A network is needed the first time."
}

name_what_is_missing() {
	while read -r program purpose; do
		command -v "$program" >/dev/null 2>&1 || say "optional: $program not found ($purpose)"
	done <<-END
		node runs Node.js functions: apt-get install nodejs
		java for Java functions, later
		wrk for make bench: apt-get install wrk
		terraform for the tests that drive Terraform
	END
}

install_node() {
	! command -v node >/dev/null 2>&1 || return 0
	[ "$(id -u)" != 0 ] || ! apt nodejs || return 0
	say "no Node.js: its examples are left out. As root: apt-get install nodejs"
}

cd "$(dirname "$0")/.."
case ${1:-} in
	venv)
		make_venv "$2" "$3"
		install_packages "$3"
		name_what_is_missing ;;
	node) install_node ;;
	*) fail "usage: setup.sh venv PYTHON DIRECTORY | setup.sh node" ;;
esac
