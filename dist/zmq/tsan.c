/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */

/* For builds with the thread sanitizer only: what it cannot know of libzmq.
 *
 * libzmq and the libsodium that it calls are not instrumented, so the sanitizer sees its memory
 * accesses (memcpy, free, descriptors) but not the atomics that order them, and would report each
 * message that passes between its threads. Accesses in our own code stay checked. */

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libzmq.so\n"
           "called_from_lib:libsodium.so\n"
           "race:libzmq.so\n";
}
