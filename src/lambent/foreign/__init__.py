"""AWS services that are not ours, behind our one door: whoever `--neighbour NAME=URL` names, else an embedded moto.

Start at services.py. Who asks, and whether they may, is decided in front of this (front/abroad.py).
"""
