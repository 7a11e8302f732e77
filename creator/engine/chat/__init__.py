"""Questions to a chat model behind an OpenAI-compatible endpoint, each answered and paid for once.

question -> exchange (who asks next) -> desk (asked before? within the budget?) -> endpoint (gate, retries) -> ledger
"""
