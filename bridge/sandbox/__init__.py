"""A Minerva and a Salesforce org to rehearse against: real sockets, invented data, no outside world.

`world` is the data both sides share; `minerva/` and `salesforce/` are the two servers; `day` makes things happen.
The sandbox never imports the worker: it is the peer, written from the protocol alone.
"""

from __future__ import annotations
