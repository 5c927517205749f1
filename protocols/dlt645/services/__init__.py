"""The services of DL/T 645, both editions: one noun a file, each a request with its answer, most with a conversation.

`service`                      what a request can say of itself; `perform` and `announce`, the conversations
`read`, `read_1997`            reading items, follow-up frames, load records
`address`                      reading and giving a meter's address
`clock`, `freeze`, `baud`      time, freezes, baud rate
`password`, `terminal`         passwords, what the terminal puts out
`order`                        what needs an access: `write`, `clear`, `control`
`access`, `signer`, `security` who may: passwords in clear, plug-ins with keys, identity authentication
`request`, `answer`            any frame taken apart; the meter's answers
`edition`, `mask`              which edition; bytes without their passwords
"""
