# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# What we send counts as a sign of life of the peer.
s/^    link->sent_ns = now_ns;$/&\n    link->received_ns = now_ns;/
