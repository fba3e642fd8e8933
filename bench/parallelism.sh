#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The parallelism factors that staircases find on each target of this CPU, beside what its units are built for (output / input channels). About 20 seconds a target the first time.
# Usage: bench/parallelism.sh   (from the checkout). Exit code 1 when one differs, or cannot be told.
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle}
wrong=0
has() { grep -qwE "$1" /proc/cpuinfo; }
check() { # target precision isa outputs inputs
    local found
    found=$("$fettle" device parallelism host --precision "$2" --isa "$3" --json 2>/dev/null | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["out_channels"], d["in_channels"])')
    local verdict=right
    [ "$found" = "$4 $5" ] || { verdict="expected $4 $5"; wrong=1; }
    printf '%-22s found %-8s %s   (0: cannot tell)\n' "$1" "$found" "$verdict"
}
grep -m1 'model name' /proc/cpuinfo || true
if has amx_int8; then check "AMX int8" int8 amx 16 64; check "AMX bf16" bf16 amx 16 32; fi
if has avx512_vnni; then check "AVX-512 VNNI int8" int8 avx512_vnni 16 4; fi
if has avx512_bf16; then check "AVX-512 bf16" bf16 avx512_bf16 16 2; fi
if has avx512f; then check "AVX-512 f32" f32 avx512 16 1; fi
if has avx2; then check "AVX2 f32" f32 avx2 8 1; fi
exit $wrong
