"""From a laboratory's file to amino-acid changes against Merlin and the codons that were read.

It knows no patient. What the changes mean for each drug is said by ``genotype``, which stands below.
"""
