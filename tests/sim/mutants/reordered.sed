# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# What waits for a connection leaves newest first.
s/^    if (party->first == NULL) {$/    command->next = party->first;\n    if (true) {/
s/^    party->last = command;$/    party->last = party->last == NULL ? command : party->last;/
