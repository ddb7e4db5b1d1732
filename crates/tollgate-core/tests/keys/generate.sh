#!/bin/sh
# Regenerates every key in this directory. They are for these tests only and protect nothing.
set -eu
cd "$(dirname "$0")"
mkdir -p refused

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
openssl rsa -in rsa.pem -traditional -out rsa-pkcs1.pem
openssl rsa -in rsa.pem -RSAPublicKey_out -out rsa-public-pkcs1.pem
for curve in 256 384 521; do
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-$curve -out p$curve.pem
done
openssl ecparam -name prime256v1 -out p256-sec1.pem
openssl ec -in p256.pem >> p256-sec1.pem
openssl genpkey -quiet -algorithm ED25519 -out ed25519.pem
for key in rsa p256 p384 p521 ed25519; do
    openssl pkey -in $key.pem -pubout -out $key-public.pem
done
for key in rsa p256 ed25519; do
    openssl req -x509 -key $key.pem -subj "/CN=tollgate test $key" -days 36500 -out $key-certificate.pem
done

cd refused
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa-1024.pem
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out rsa-e3.pem
openssl genpkey -quiet -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out rsa-pss.pem
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out secp256k1.pem
openssl genpkey -quiet -algorithm X25519 -out x25519.pem
openssl genpkey -quiet -algorithm ED448 -out ed448.pem
openssl genpkey -quiet -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh-parameters.pem
openssl genpkey -quiet -paramfile dh-parameters.pem -out dh.pem
openssl req -x509 -key rsa-1024.pem -subj "/CN=tollgate test rsa-1024" -days 36500 -out rsa-1024-certificate.pem
for key in rsa-1024 rsa-e3 rsa-pss secp256k1 x25519 ed448 dh; do
    openssl pkey -in $key.pem -pubout -out $key-public.pem
done
openssl ec -in ../p256.pem -pubout -conv_form compressed -out p256-compressed-public.pem
openssl ec -in ../p256.pem -param_enc explicit -pubout -out p256-explicit-public.pem
openssl pkcs8 -topk8 -in ../p256.pem -passout pass:test -out p256-encrypted.pem
openssl rsa -in ../rsa.pem -traditional -aes128 -passout pass:test -out rsa-encrypted-pkcs1.pem
