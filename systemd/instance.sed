# SPDX-License-Identifier: Apache-2.0
#
# A unit of one region, as the template of several on one machine: kithd@NAME.service with
# /etc/kith/NAME.conf, /var/lib/kith-NAME and /run/kith/NAME. make install runs it.
s/^Description=.*/& %i/
s/kithd\.service/kithd@%i.service/g
s/kith-link\.service/kith-link@%i.service/g
s/kith-exporter\.service/kith-exporter@%i.service/g
s/\(kithd-control\|kithd-link\|kith-peers\)\.socket/\1@%i.socket/g
s/^\(Exec[A-Za-z]*=[^ ]*\)/\1 --config \/etc\/kith\/%i.conf/
s/^StateDirectory=kith$/StateDirectory=kith-%i/
s/\/var\/lib\/kith\//\/var\/lib\/kith-%i\//g
s/\/run\/kith\//\/run\/kith\/%i\//g
s/\/etc\/default\/kith-exporter/&-%i/
