# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# A frame of another session is taken.
s/if (header->tag != link->tag) {/if (false) {/
