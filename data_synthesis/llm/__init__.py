"""The LLM teacher: a chat model profiles a reader, chooses selling points and writes titles; the ad's facts decide.

pairs -> conversation [profile -> selling points -> title -> fact check -> correction] -> EXAMPLES
"""
