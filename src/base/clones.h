// SPDX-License-Identifier: Apache-2.0
/*
 * Our own loops are compiled for several instruction sets and the best one is taken at load time; the build needs no -march. Levels of the
 * architecture go by what a processor can do; a model, such as skylake-avx512, is no other maker's processor.
 * Not under AddressSanitizer: the choice is made before its run-time is up.
 */
#ifndef FET_BASE_CLONES_H
#define FET_BASE_CLONES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FET_CLONES
#endif
#endif
#if !defined(FET_CLONES) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define FET_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#endif
#ifndef FET_CLONES
#define FET_CLONES
#endif

#endif
