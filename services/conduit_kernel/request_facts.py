"""What is a request's own that went as usual, as bytes: facts, its id, and its provider's id of it.

Routers write it at the end of a call, and Storage keeps it as it came: a change needs a format
beside this one, or what is stored could not be read.
"""

from struct import Struct

# When it ended, in seconds since 1970 and by the router's clock, and began by the latter; when its
# attempt began and ended, and how long its first event took; its cost, the tokens that it read and
# wrote, and whether the cost is known; attempts, fallbacks, and the length of the id.
_FACTS = Struct("<6d3q?III")
pack_facts, unpack_facts, FACTS_SIZE = _FACTS.pack, _FACTS.unpack_from, _FACTS.size
# What says how many bytes they take.
SIZE_BYTES = 2
