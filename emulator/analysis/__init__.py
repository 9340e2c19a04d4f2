"""What becomes of a flow, worked out from the topology alone: a second reading of AWS's rules, beside `compile/`.

    analyze(topology, addresses, flow) -> Analysis          one question
    Analyzer(topology, addresses).analyze(flow)             many questions about one lab

Pure. It shares nothing with `compile/`, so that the two can disagree, and a test can find it.
"""

from emulator.analysis.analyzer import Analyzer, analyze
from emulator.analysis.answer import Analysis, Explanation, Hop, LocalRoute
from emulator.analysis.packets import Packet

__all__ = ["Analysis", "Analyzer", "Explanation", "Hop", "LocalRoute", "Packet", "analyze"]
