# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# The end of a session forgets nobody who was in a group there.
/^static void peer_down/,/^}/s/node->peer.session == peer->session/false/
