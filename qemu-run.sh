#!/bin/sh
# The one door to Burrow: finds or installs what it needs, builds the host program `runner`, and
# hands over to it. Everything else (options, images, QEMU, tests) lives in runner/.
#
# Plain POSIX: runs under dash and bash 3.2, with no tool that only GNU has.
set -eu

say() { printf 'qemu-run: %s\n' "$*" >&2; }
fail() { code=$1; shift; say "$@"; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }

case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
root=$(cd "$here" && pwd -P)
keep=$root/.burrow                       # decisions and logs; ignored by git
remembered=$keep/toolchain

# ---- What is asked for -------------------------------------------------------------------------
# Only what decides the set-up; the runner reads the whole line again and judges it.

arch= boot= yes= no_install= word=
scan() {
    while [ $# -gt 0 ]; do
        case $1 in
            --) return 0 ;;
            -y | --yes) yes=1 ;;
            --no-install) no_install=1 ;;
            -h | --help) word=help ;;
            --arch=*) arch=${1#*=} ;;
            --boot=*) boot=${1#*=} ;;
            --arch) [ $# -lt 2 ] || { arch=$2; shift; } ;;
            --boot) [ $# -lt 2 ] || { boot=$2; shift; } ;;
            --smp | --mem | --append | --accel | --gic | --timeout | --out | --bin | --jobs) [ $# -lt 2 ] || shift ;;
            -*) ;;
            *) if [ -z "$word" ]; then
                   word=$1
                   # A file that cargo built: what follows belongs to the image.
                   if [ -f "$1" ]; then return 0; fi
               fi ;;
        esac
        shift
    done
}
scan "$@"

if [ "$word" = help ]; then
    cat "$root/runner/src/help.txt"
    exit 0
fi

# The CPU an ELF is for, from its header.
machine_of() {
    case $(od -An -tx1 -j18 -N1 "$1" 2>/dev/null | tr -d ' \n') in
        b7) echo aarch64 ;;
        *) echo x86_64 ;;
    esac
}

case $word in
    test | setup | bench) arches=${arch:-x86_64 aarch64} ;;
    build | env | coverage | new) arches= ;;
    *) if [ -n "$word" ] && [ -f "$word" ]; then
           arches=$(machine_of "$word")
       else
           arches=${arch:-x86_64}
       fi ;;
esac

# ---- The toolchain -----------------------------------------------------------------------------
# Wanted: rustc and cargo of at least `rust-version`, the sources of `core`, and `rust-lld`.
# One choice is made once and remembered; delete .burrow/toolchain to have it made again.

wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")

# new_enough RUSTC: is its version at least the wanted one?
new_enough() {
    found=$("$1" --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$found" ] || return 1
    [ "${found% *}" -gt "${wanted%%.*}" ] || {
        [ "${found% *}" -eq "${wanted%%.*}" ] && [ "${found#* }" -ge "${wanted#*.}" ]
    }
}

# suitable RUSTC: new enough, with sources and a linker.
suitable() {
    [ -x "$1" ] && new_enough "$1" || return 1
    sysroot=$("$1" --print sysroot)
    [ -f "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ] || return 1
    for lld in "$sysroot"/lib/rustlib/*/bin/rust-lld "${1%/*}/rust-lld"; do
        if [ -x "$lld" ]; then return 0; fi
    done
    return 1
}

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# choose DIR: take the rustc and cargo in DIR.
choose() {
    [ -x "$1/cargo" ] || return 1
    mkdir -p "$keep"
    {
        echo "# The toolchain that qemu-run.sh settled on. Delete this file to have it choose again."
        echo "TOOLS=$(quoted "$1")"
    } >"$remembered.$$"
    mv "$remembered.$$" "$remembered"
    TOOLS=$1
}

recall() {
    TOOLS=
    [ -f "$remembered" ] || return 1
    . "$remembered"
    [ -n "$TOOLS" ] && [ -x "$TOOLS/cargo" ] && suitable "$TOOLS/rustc"
}

# The sysroots of rustup's toolchains, releases before nightlies.
rustup_sysroots() {
    has rustup || return 0
    rustup toolchain list 2>/dev/null | sed -n 's/^\([^ ]*\).*/\1/p' | {
        later=
        while read -r name; do
            case $name in
                nightly* | beta*) later="$later $name" ;;
                *) rustup run "$name" rustc --print sysroot 2>/dev/null </dev/null || : ;;
            esac
        done
        for name in $later; do rustup run "$name" rustc --print sysroot 2>/dev/null || :; done
    }
}

choose_rustup() {
    sysroots=$(rustup_sysroots)
    while IFS= read -r sysroot; do
        dir=$sysroot/bin
        if [ -n "$sysroot" ] && suitable "$dir/rustc" && choose "$dir"; then return 0; fi
    done <<SYSROOTS
$sysroots
SYSROOTS
    return 1
}

# Any other rustc on PATH, then the places where packages put one. A shim of rustup answers for a
# toolchain that choose_rustup has already looked at.
choose_system() {
    saved=$IFS; IFS=:
    for dir in $PATH /usr/bin /usr/local/bin /usr/lib/rust-*/bin; do
        IFS=$saved
        case $dir in '' | */.cargo/bin) continue ;; esac
        if [ -x "$dir/rustc" ] && suitable "$dir/rustc" && choose "$dir"; then return 0; fi
    done
    IFS=$saved
    return 1
}

# limited SECONDS COMMAND..: ends the command when the time is up (timeout(1) is not everywhere).
limited() {
    seconds=$1; shift
    "$@" & job=$!
    ( trap 'kill "$nap" 2>/dev/null; exit 0' TERM
      sleep "$seconds" & nap=$!
      wait "$nap"; kill "$job" 2>/dev/null ) >/dev/null 2>&1 & dog=$!
    if wait "$job"; then status=0; else status=$?; fi
    kill "$dog" 2>/dev/null || :
    wait "$dog" 2>/dev/null || :
    return "$status"
}

# May things be installed? $1 says what will run.
may_install() {
    if [ -n "$no_install" ]; then return 1; fi
    say "to run: $1"
    if [ -n "$yes" ]; then return 0; fi
    case ${CI:-} in '' | 0 | false) ;; *) return 0 ;; esac
    if [ -t 0 ] && [ -t 2 ]; then
        printf 'qemu-run: go on? [Y/n] ' >&2
        read -r answer || answer=n
        case $answer in '' | y | Y | yes) return 0 ;; esac
        return 1
    fi
    if [ "$(id -u)" = 0 ]; then return 0; fi
    say "not asked at a terminal: add --yes to allow it"
    return 1
}

fetch_with_rustup() {
    has rustup || return 1
    may_install "rustup toolchain install $wanted --profile minimal -c rust-src -c clippy -c rustfmt" ||
        return 1
    limited 180 rustup toolchain install "$wanted" --profile minimal -c rust-src -c clippy \
        -c rustfmt --no-self-update </dev/null >&2 || {
        say "rustup could not fetch it: looking at other ways"
        return 1
    }
    choose_rustup
}

# ---- Packages ----------------------------------------------------------------------------------

as_root=
if [ "$(id -u)" != 0 ]; then as_root='sudo '; fi

apt_get() {
    # A machine of one build loses nothing if it dies half-way: dpkg need not wait for the disk.
    case ${CI:-} in '' | 0 | false) ;; *) set -- -o Dpkg::Options::=--force-unsafe-io "$@" ;; esac
    if [ -n "$as_root" ]; then
        sudo env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >&2
    else
        DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >&2
    fi
}

# The version apt would install.
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)$/\1/p'; }

# packaged NAME: does apt have a new enough NAME?
packaged() {
    version=$(candidate "$1" | sed 's/^[0-9]*://')
    [ -n "$version" ] || return 1
    minor=${version#*.}
    minor=${minor%%[!0-9]*}
    [ "${version%%.*}" -gt "${wanted%%.*}" ] || [ "${minor:-0}" -ge "${wanted#*.}" ]
}

# The LLVM linker that a package's rust-lld is a link to.
lld_for() {
    LC_ALL=C apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: llvm-\([0-9]*\)$/lld-\1/p' | head -n 1
}

# Debian's and Ubuntu's names for one whole toolchain, best first.
rust_packages() {
    if packaged rustc-web; then
        echo rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web \
            "$(lld_for rust-web-llvm)"
    elif packaged rustc; then
        echo rustc cargo rust-src rust-llvm rust-clippy rustfmt "$(lld_for rust-llvm)"
    elif ! has rustup && [ -n "$(candidate rustup)" ]; then
        echo rustup
    fi
}

tool_packages() {
    for a in $arches; do
        case $a in
            x86_64) has qemu-system-x86_64 || echo qemu-system-x86 ;;
            aarch64) has qemu-system-aarch64 || echo qemu-system-arm ;;
        esac
    done
    if [ "$boot" = uefi ] && [ ! -e /usr/share/OVMF ]; then echo ovmf; fi
    if ! has cc; then echo gcc libc6-dev; fi
    if lacks_clang; then echo clang; fi
    # Cargo fetches the crates over TLS.
    if ! has_certificates; then echo ca-certificates; fi
}

# Sets TOOLS, or leaves it empty.
find_rust() { recall || choose_rustup || choose_system || TOOLS=; }
have_rust() { [ -n "$TOOLS" ]; }

# Images that C is linked into: those of the tests, and the examples of foreign code.
wants_c() {
    case $word in
        test | setup | bench | t[0-9]* | bench_*) return 0 ;;
        *) [ -n "$word" ] && [ -f "$root/c/examples/$word.rs" ] ;;
    esac
}
lacks_clang() { wants_c && ! "$root/c/cc" x86_64 --version >/dev/null 2>&1; }

# Only apt's systems are known to keep them here.
has_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || ! has apt-get; }

# What is missing, in words.
missing() {
    for a in $arches; do has "qemu-system-$a" || echo "qemu-system-$a"; done
    has cc || echo "a C compiler"
    if lacks_clang; then echo "clang"; fi
    has_certificates || echo "certificates for TLS"
    have_rust || echo "Rust $wanted with its sources"
}

listed() { printf %s "$1" | tr '\n' ',' | sed 's/,$//; s/,/, /g'; }

install() {
    find_rust
    lacking=$(missing)
    [ -n "$lacking" ] || return 0
    say "missing: $(listed "$lacking")"
    # rustup first: it brings a toolchain without root.
    if ! have_rust && [ -z "$no_install" ]; then fetch_with_rustup || :; fi
    lacking=$(missing)
    [ -n "$lacking" ] || return 0
    if ! has apt-get; then
        case $(uname -s) in
            Darwin) fail 69 "install: brew install qemu rustup (clang comes with Xcode's tools); rustup toolchain install $wanted -c rust-src" ;;
            *) fail 69 "install QEMU (x86_64 and aarch64 system emulators), a C compiler, clang and rustup with your system's packages" ;;
        esac
    fi
    with_apt
}

# What apt would install now, on one line.
apt_list() {
    tools=$(tool_packages)
    rust=
    have_rust || rust=$(rust_packages)
    echo $tools $rust
}

all_known() { for p in $1; do [ -n "$(candidate "$p")" ] || return 1; done; }

with_apt() {
    if [ -n "$as_root" ] && ! has sudo && [ -z "$no_install" ]; then
        fail 69 "run as root: apt-get install $(apt_list)"
    fi
    packages=$(apt_list)
    # On a fresh machine apt knows no package before its first update.
    if [ -z "$no_install" ] && { [ -z "$packages" ] || ! all_known "$packages" ||
        { ! have_rust && [ -z "$(rust_packages)" ]; }; }; then
        may_install "${as_root}apt-get update" || exit 69
        apt_get update -qq || fail 69 "apt-get update failed"
        packages=$(apt_list)
    fi
    command="${as_root}apt-get install --no-install-recommends $packages"
    if [ -n "$no_install" ]; then
        if ! have_rust && [ -z "$(rust_packages)" ]; then
            command="$command, and Rust's packages (apt-get update tells which)"
        fi
        fail 69 "to install: $command"
    fi
    if ! have_rust && [ -z "$(rust_packages)" ]; then
        fail 69 "this system's packages have no Rust $wanted: install rustup from https://rustup.rs"
    fi
    gone=$(LC_ALL=C apt-get -s install --no-install-recommends $packages 2>/dev/null |
        sed -n 's/^Remv \([^ ]*\).*/\1/p' | tr '\n' ' ')
    if [ -n "$gone" ]; then say "this replaces: $gone"; fi
    may_install "$command" || exit 69
    # Stale lists name versions that the mirror no longer has.
    apt_get install -y -qq --no-install-recommends $packages ||
        { apt_get update -qq && apt_get install -y -qq --no-install-recommends $packages; } ||
        fail 69 "apt-get could not install: $packages"
    hash -r
    find_rust
    if ! have_rust && has rustup; then fetch_with_rustup || :; fi
    lacking=$(missing)
    [ -z "$lacking" ] || fail 69 "still missing after the installation: $(listed "$lacking")"
}

# ---- Set up, build the runner, hand over -------------------------------------------------------

# A cargo that runs us, or a shell set up by `env`, aims its settings at images, not at the runner.
unset CARGO_BUILD_TARGET CARGO_UNSTABLE_BUILD_STD CARGO_UNSTABLE_BUILD_STD_FEATURES \
    CARGO_UNSTABLE_JSON_TARGET_SPEC RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTUP_TOOLCHAIN

install
if [ "$word" = setup ]; then
    say "ready: $("$TOOLS/rustc" --version), QEMU for $arches"
    exit 0
fi

CARGO=$TOOLS/cargo RUSTC=$TOOLS/rustc RUSTDOC=$TOOLS/rustdoc RUSTC_BOOTSTRAP=1 PATH=$TOOLS:$PATH
BURROW_ROOT=$root BURROW_TARGET=${CARGO_TARGET_DIR:-$root/target}
case $BURROW_TARGET in /*) ;; *) BURROW_TARGET=$PWD/$BURROW_TARGET ;; esac
export CARGO RUSTC RUSTDOC RUSTC_BOOTSTRAP PATH BURROW_ROOT BURROW_TARGET
if [ -n "${CARGO_TARGET_DIR-}" ]; then export BURROW_OUTSIDE_TARGET=$BURROW_TARGET; fi
unset CARGO_TARGET_DIR

runner=$BURROW_TARGET/release/burrow-runner
quiet=-q
if [ ! -x "$runner" ]; then
    say "building the runner with $("$RUSTC" --version)"
    quiet=
fi
# From the checkout, for its .cargo/config.toml; the images' paths are the caller's.
( cd "$root" && "$CARGO" build $quiet --release -p burrow-runner --target-dir "$BURROW_TARGET" ) >&2 ||
    fail 69 "the runner does not build: see above"
exec "$runner" "$@"
