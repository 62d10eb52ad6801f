# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# A frame whose number is not the one due is taken.
s/header->seq != link->seq_received + 1) {/false) {/
