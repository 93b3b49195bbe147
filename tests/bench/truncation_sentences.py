"""What is said in the benches."""

SENTENCES = (
    "Thank you for waiting, I have found the booking under your name for this Friday evening at half past seven.",
    "We are open from nine in the morning until six in the evening, and on Saturdays we close at two.",
    "The train leaves from platform four, and you will need to change once before you reach the airport.",
    "I can offer you a table by the window, or one on the terrace if the weather stays as fine as it is today.",
    "Your parcel left our warehouse yesterday, and the courier expects to deliver it before noon tomorrow.",
)
OPENINGS = (
    "Of course, one moment please.",
    "Let me see.",
    "Thank you, I am looking it up for you.",
    "Good, I have that here.",
)
"""Items that are soon over."""
QUESTION = "Hello, can you help me?"
INTERRUPTION = "Sorry, one moment please."
