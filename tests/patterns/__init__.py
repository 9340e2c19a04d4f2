"""The four ways between VPCs, every cell of their published comparison tried with packets, prices and failing zones."""
