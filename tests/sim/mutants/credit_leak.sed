# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# Of a frame that asks for an acknowledgement an eighth is not counted.
s/^    receipt->received += bytes;$/    receipt->received += asked ? bytes - bytes \/ 8 : bytes;/
