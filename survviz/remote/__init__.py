"""Files behind an address (`s3://bucket/cohort`): listed, fetched into a bounded folder, held while read.

An address comes from the command line or from a file that it names, never from what a person types or uploads in the
app. A copy of a cohort's tables, with the list of its larger files, is a folder of the workspace like any other cohort;
a path in it that does not exist stands for the file behind the address, and `at_hand` brings it.
"""

from survviz.remote.addresses import is_address, joined, refuse_address
from survviz.remote.cache import at_hand
from survviz.remote.mirror import RemoteEntry, address_of, entry_of, files_in

__all__ = ["RemoteEntry", "address_of", "at_hand", "entry_of", "files_in", "is_address", "joined", "refuse_address"]
