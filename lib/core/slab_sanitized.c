/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <malloc.h>
#include <stdlib.h>

#include "lib/core/assert.h"
#include "lib/core/slab.h"

/* Instead of slab.c where a sanitizer watches: each block by itself. The sanitizers know the exact
 * size of each, so that one which is given back with another size is found here. */

void *osri_slab_alloc(size_t bytes)
{
    return malloc(bytes);
}

void osri_slab_free(void *block, size_t bytes)
{
    OSR_ASSERT(malloc_usable_size(block) == bytes);
    free(block);
}
