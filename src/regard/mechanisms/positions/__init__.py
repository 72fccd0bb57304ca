"""How attention, which sees a set, learns an order: positions are added to the vectors, to the scores, or turned into them.

    added to the inputs     `sinusoids`
    added to the keys       `shaw`, `transformer_xl`: a learned or fixed vector for each distance
    added to the scores     `t5_bias`, `alibi_bias`: a number for each distance; give them to `attention` as its bias
    turned into q and k     `rotary_half`, `rotary_interleaved`: a rotation by the position, before `attention`
      fading on the way     `xpos`: each pair of channels at a pace of its own
      of longer texts       `stretched_rotary`: position interpolation, NTK-aware, YaRN
      of other places       `rotary_places`: some channels only, two dimensions of a picture, time beside both

All but the first depend on the distance alone: move the whole text, and nothing changes. Where queries meet keys, the last
query stands at the last key, so that a step of decoding over a cache needs no offset; where vectors are met one by one,
``start`` is the position of the first.
"""
