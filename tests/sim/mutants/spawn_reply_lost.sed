# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# The end of a session forgets the spawns that were not answered.
/inject(node, OSRI_SIGNAL_SPAWN_REPLY/,/&lost);/c\
        (void)lost;
