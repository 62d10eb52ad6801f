# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# nodeup is told after the first record.
/osri_node_peer_up(net->node/d
s/^                osri_route_record(session, action->bytes, action->bytes_count);$/&\n                if (session->peer.os_pid != 0) {\n                    session->peer.os_pid = 0;\n                    osri_node_peer_up(session->net->node, \&session->peer);\n                }/
