"""Weights through layers, and what flows along each edge. ``__all__`` is public, as ``regard.rollout`` is."""

from regard.analysis.flow.edges import FlowEdges, attention_flow_edges, relevance_edges, rollout_edges

__all__ = ["FlowEdges", "attention_flow_edges", "relevance_edges", "rollout_edges"]
