// Written by scripts/code-points.mjs from Unicode 15.0.0; not to be edited.

/** The kinds of code points there are: precis, label, bidi, joining, script, virama, mark. */
export const kinds = `
disallowed,disallowed,BN,,,,
disallowed,disallowed,,,,,
freeform,disallowed,,,,,
pvalid,disallowed,ON,,,,
pvalid,disallowed,ET,,,,
pvalid,disallowed,ES,,,,
pvalid,disallowed,CS,,,,
pvalid,pvalid,ES,,,,
pvalid,pvalid,EN,,,,
pvalid,disallowed,L,,,,
pvalid,pvalid,L,,,,
freeform,disallowed,CS,,,,
freeform,disallowed,ON,,,,
freeform,disallowed,ET,,,,
freeform,disallowed,L,,,,
disallowed,disallowed,BN,T,,,
freeform,disallowed,EN,,,,
contextO,contextO,ON,,,,
pvalid,pvalid,ON,,,,
pvalid,pvalid,NSM,T,,,1
freeform,disallowed,NSM,T,,,1
pvalid,disallowed,NSM,T,,,1
disallowed,disallowed,NSM,T,,,1
pvalid,disallowed,L,,greek,,
pvalid,pvalid,L,,greek,,
contextO,contextO,ON,,greek,,
unassigned,unassigned,,,,,
freeform,disallowed,L,,greek,,
freeform,disallowed,ON,,greek,,
pvalid,pvalid,NSM,T,hebrew,,1
freeform,disallowed,R,,hebrew,,
pvalid,pvalid,R,,hebrew,,
contextO,contextO,R,,hebrew,,
disallowed,disallowed,AN,,,,
freeform,disallowed,AL,,,,
disallowed,disallowed,AL,T,,,
pvalid,pvalid,AL,D,,,
pvalid,pvalid,AL,,,,
pvalid,pvalid,AL,R,,,
disallowed,disallowed,AL,,,,
contextO,contextO,AN,,,,
freeform,disallowed,AN,,,,
freeform,disallowed,AL,R,,,
freeform,disallowed,AL,D,,,
contextO,contextO,EN,,,,
pvalid,pvalid,R,,,,
pvalid,pvalid,R,D,,,
disallowed,disallowed,R,,,,
freeform,disallowed,R,,,,
pvalid,pvalid,R,R,,,
pvalid,pvalid,L,,,,1
pvalid,pvalid,NSM,T,,1,1
pvalid,pvalid,L,T,,,1
disallowed,disallowed,L,,,,
pvalid,pvalid,L,,,1,1
freeform,disallowed,ON,D,,,
pvalid,pvalid,L,D,,,
contextJ,contextJ,BN,,,,
disallowed,disallowed,L,T,,,
disallowed,disallowed,R,T,,,
disallowed,disallowed,,T,,,
freeform,disallowed,ES,,,,
freeform,disallowed,ON,,japanese,,
pvalid,pvalid,L,,japanese,,
freeform,disallowed,L,,japanese,,
disallowed,disallowed,L,,,,1
disallowed,disallowed,L,,japanese,,
pvalid,pvalid,L,L,,,
freeform,disallowed,ES,,hebrew,,
disallowed,disallowed,ON,T,,,
pvalid,pvalid,R,L,,,
freeform,disallowed,R,D,,,
freeform,disallowed,R,R,,,
pvalid,disallowed,R,,,,
pvalid,pvalid,AL,L,,,
pvalid,pvalid,AN,,,,
freeform,disallowed,R,L,,,
pvalid,pvalid,L,T,,1,1
pvalid,pvalid,L,,japanese,,1
pvalid,disallowed,L,,,,1
pvalid,disallowed,NSM,T,greek,,1
pvalid,disallowed,R,D,,,
pvalid,pvalid,R,T,,,
`;

/** The kind of every code point from 0 on, in runs: number of the kind, and behind `*` how many follow of it, both to the base of 36. */
export const runs = `
0*9 1*5 0*e 1*4 2 3*2 4*3 3*5 5 6 7 6*2 8*a 6 3*6 9*q 3*6 a*q 3*4 0*6 1 0*q b c d*4 c*4 e c*2 f c*2 d*2 g*2 c e c h c g e c*5 9*n c 9*7 a*o c a*8 9 a 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a e*2 9 a 9 a*2 9 a 9 a 9 a e*2 9 a 9 a 9 a 9 a e 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9*2 a 9 a 9 a e a 9*2 a 9 a 9*2 a 9*3 a*2 9*4 a 9*2 a 9*3 a*3 9*2 a 9*2 a 9 a 9 a 9*2 a 9 a*2 9 a 9*2 a 9*3 a 9 a 9*2 a*3 9 a*7
e*9 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a*2 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a*2 e*3 9 a 9*3 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a*7 9*2 a 9*2 a*2 9 a 9*4 a 9 a 9 a 9 a 9 a*2p e*9 i*2 a*7 c*4 i*a a*2 c*e e*5 c*7 i c a c*h j*1s k*2 j k*2 l j*9 m j*w n o n o c p n o q*2
r o*3 c n q*4 s c n c n*3 q n q n*2 o n*h q n*9 o*z n r*7 o n o n o n o n o n o 9 a 9 a 9 a 9 a 9 a 9 a 9 a r*3 o r*2 s n o r n o*2 n*3 9*1c a*1c 9 a 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a e j*5 k*2 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9*2 a 9 a 9
a 9 a 9 a 9 a 9 a*2 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a
9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a q 9*12 q*2 a e*6 a*13 e a e c q*2 c*2 d q t*19 u t u t*2 u t*2 u t q*8 v*r q*4 v*4 w*2 q*b x*6 c*2 y d*2 y b y c*2 j*b y z y*3 10
11 12*4 10 12 10 12 10*5 12*4 10*d 13 10*7 12 10*2 j*l 14*a d 15*2 y 10*2 j 12*3 11 16*3 17 10*f 12*i 10*12 12 10*2 12*9 10 12 10 12 10*2 12*2 y 12 j*7 x c j*6 11*2 j*2 c
j*4 12*2 18*a 10*3 11*2 10 y*e q z 12 j 10*3 12*5 10*4 12 10*9 12 10 12 10 12 10*2 12 j*r q*2 12 10*b 12*3 10*f 12*2 10*4 12 10 12*2 10*3 12*2 10*6 11*12 j*b 11 q*e 19*a
1a*x j*9 19*2 c*4 1b q*2 j 1c*2 19*m j*4 19 j*9 19 j*3 19 j*5 q*2 1c*f q 1d 1a*5 1d*2 1a 1d 1a*a 1d 1a 1d*3 j*3 q*2 1c q 10 11 10*4 11 12 10 12*2 q*5 12*j 11*3 10 11 y
10*5 12 q x*2 q*6 j*8 10*a 12*3 11 12 10*2 12*2 10*6 12 10*f 11 j*o x j*w 1e a*1i j 1e j a 1e*3 j*8 1e*4 1f 1e*2 a j*7 e*8 a*2 j*2 e*2 a*a e a*g j 1e*2 q a*8 q*2 a*2 q*2
a*m q a*7 q a q*3 a*4 q*2 j a 1e*3 j*4 q*2 1e*2 q*2 1e*2 1f a q*8 1e q*4 e*2 q e a*2 j*2 q*2 a*c d*2 e*7 d a e j q*2 j*2 1e q a*6 q*4 a*2 q*2 a*m q a*7 q a e q a e q a*2
q*2 j q 1e*3 j*2 q*4 j*2 q*2 j*2 1f q*3 j q*7 e*3 a q e q*7 a*a j*2 a*3 j e q*a j*2 1e q a*9 q a*3 q a*m q a*7 q a*2 q a*5 q*2 j a 1e*3 j*5 q j*2 1e q 1e*2 1f q*2 a q*f
a*2 j*2 q*2 a*a e d q*7 a j*6 q j 1e*2 q a*8 q*2 a*2 q*2 a*m q a*7 q a*2 q a*5 q*2 j a 1e j 1e j*4 q*2 1e*2 q*2 1e*2 1f q*7 j*2 1e q*4 e*2 q a*3 j*2 q*2 a*a e a e*6 q*a j
a q a*6 q*3 a*3 q a*4 q*3 a*2 q a q a*2 q*3 a*2 q*3 a*3 q*3 a*c q*4 1e*2 j 1e*2 q*3 1e*3 q 1e*3 1f q*2 a q*6 1e q*e a*a e*3 c*6 d c q*5 j 1e*3 j a*8 q a*3 q a*n q a*g q*2
j a j*3 1e*4 q j*3 q j*3 1f q*7 j*2 q a*3 q*2 a q*2 a*2 j*2 q*2 a*a q*7 e c*7 e a j 1e*2 e a*8 q a*3 q a*n q a*a q a*5 q*2 j a 1e 1g 1e*5 q 1g 1e*2 q 1e*2 j 1f q*7 1e*2
q*6 a*2 q a*2 j*2 q*2 a*a q a*2 1e q*c j*2 1e*2 a*9 q a*3 q a*15 1f*2 a 1e*3 j*4 q 1e*3 q 1e*3 1f a e q*4 a*3 1e e*7 a*3 j*2 q*2 a*a e*a a*6 q j 1e*2 q a*i q*3 a*o q a*9 q
a q*2 a*7 q*3 1f q*4 1e*3 j*3 q j q 1e*8 q*6 a*a q*2 1e*2 e q*c a*1c j a e j*6 1f q*4 d a*7 j*8 e a*a e*2 q*11 a*2 q a q a*5 q a*o q a q a*a j a e j*6 1f j*2 a q*2 a*5 q a
q j*7 q a*a q*2 e*2 a*2 q*w a e*a a e*c j*2 e*6 a*a e*b j e j e j c*4 1e*2 a*3 e a*4 q a*4 e a*4 e a*4 e a*4 e a*c e a*3 q*4 j*2 k j k*5 j*5 1e j k j*2 1f e j*2 a*5 j*6 k
j*4 q j*4 k j*4 k j*4 k j*4 k j*c k j*3 q e*8 j e*6 q e*d q*11 a*17 1e*2 j*4 1e j*6 1e 1f*2 1e*2 j*2 a*b e*6 a*6 1e*2 j*2 a*4 j*3 a 1e*3 a*2 1e*7 a*3 j*4 a*d j 1e*2 j*2
1e*6 j a 1e a*a 1e*3 j e*2 9*12 q 9 q*5 9 q*2 a*17 e*2 a*3 1h*74 a*21 q a*4 q*2 a*7 q a q a*4 q*2 a*15 q a*4 q*2 a*x q a*4 q*2 a*7 q a q a*4 q*2 a*f q a*1l q a*4 q*2 a*1v
q*2 j*3 e*t q*3 a*g c*a q*6 a*2e q*2 9*6 q*2 c a*h8 e*2 a*h 2 a*q c*2 q*3 a*23 e*6 a*8 q*7 a*i j*2 1f 1i q*9 a*j j*2 1i e*2 q*9 a*i j*2 q*c a*d q a*3 q j*2 q*c a*1g m*2 1e
j*7 1e*8 j 1e*2 j*9 1f j e*3 a e*3 d a j q*2 a*a q*6 c*a q*6 c*7 1j c*3 m*3 0 m a*a q*6 1k*2h q*7 a*5 j*2 1k*y j 1k q*5 a*1y q*a a*v q j*3 1e*4 j*2 1e*3 q*4 1e*2 j 1e*6
j*3 q*4 c q*3 c*2 a*14 q*2 a*5 q*b a*18 q*4 a*q q*6 a*a e q*3 c*y a*n j*2 1e*2 j q*2 e*2 a*1h 1e j 1e j*7 q 1f 1e j 1e*2 j*8 1e*6 j*a q*2 j a*a q*6 a*a q*6 e*7 a e*6 q*2
j*e k j*g q*1d j*4 1e a*1b j 1e j*5 1e j 1e*5 j 1e 1i a*8 q*3 a*a e*h j*9 e*b q j*2 1e a*u 1e j*4 1e*2 j*2 1i 1f j*2 a*1k j 1e j*2 1e*3 j 1e j*3 1i*2 q*8 e*4 a*10 1e*8 j*8
1e*2 j*2 q*3 e*5 a*a q*3 a*1d e*2 9*9 q*7 9*17 q*2 9*3 e*8 q*8 j*3 e j*d 1e j*7 a*4 j a*6 j a*2 1e j*2 a q*5 a*12 o*5 a e*3 a e*b a e*i a e*e r*5 e*4 r*5 a*d e a*y e*10 r
j*1s 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a*5 e*2 a*2 9 a 9 a 9 a 9 a 9 a 9 a 9 a
9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a o*8
n*8 o*6 q*2 n*6 q*2 o*8 n*8 o*8 n*8 o*6 q*2 n*6 q*2 o*8 q n q n q n q n o*8 n*8 o r o r o r o r o r o r o r q*2 n*8 r*8 n*8 r*8 n*8 r*8 o*2 n*3 q o n*4 r*2 s r s*3 n*3 q o
n*2 r n r*2 s*3 o*3 r q*2 o*2 n*3 r q s*3 o*3 r o*4 n*3 r n s*3 q*2 n*3 q o n*2 r n r*2 s*2 q 2*b f 1l*2 1m 1n c*o 1*2 1o*5 b d*5 c*f b c*q 2 f*5 q 1*4 f*6 g e q*2 g*6
1p*2 c*3 e g*a 1p*2 c*3 q e*d q*3 d*x q*f l*d k*4 l k*3 l*c q*f c*2 e c*4 e c*2 e*a c e c*3 e*5 c*6 e c r c e c e*4 d e*3 9 e*7 c*2 e*4 c*5 e*5 c*4 a e c*g e*z 9 a e*4 c*3
q*4 c*3m 1p d c*82 e*1x c*q e c*41 q*p c*b q*l c*14 g*k e*26 c*ci e c*9f e*74 c*hg q*2 c*w q c*2x 9*1c a*1c 9 a 9*3 a*2 9 a 9 a 9 a 9*4 a 9 a*2 9 a*6 e*2 9*3 a 9 a 9 a 9 a
9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a
9 a 9 a 9 a*2 c*6 9 a 9 a j*3 9 a q*5 c*7 a*12 q a q*5 a q*2 a*1k q*7 e*2 q*e 1f a*n q*9 a*7 q a*7 q a*7 q a*7 q a*7 q a*7 q a*7 q a*7 q j*w c*1b i c*1a q*y 1q*q q 1q*2h
q*c 1q*5y q*q c*c q*4 2 c*4 1r a 1r c*p 1s*9 j*4 1t*2 c 1h*5 c*2 1s*3 1u a c*3 q 1r*2e q*2 j*2 c*2 1r*2 1s c 1r*2i h a 1r*2 1s q*5 a*17 q e*1f 1h e*16 q e*g a*w c*10 q*c
1r*g e*t c*2 q e*1c c*g e*s c*3 e*1e c*f e*c c*4 1s*1b e 1s*2g e*v c*4 e*2r c*2 e*v c 1r*534 c*1s 1r*g74 a*wd q*3 c*1j q*9 a*1a e*2 a*7h c*3 a*s q*k 9 a 9 a 9 a 9 a 9 a 9
a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a*2 j k*3 c j*a c i 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a e*2 j*2 a*1y e*a j*2 e*6
q*8 c*n i*9 c*2 9 a 9 a 9 a 9 a 9 a 9 a 9 a*3 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a e
a*8 9 a 9 a 9*2 a 9 a 9 a 9 a 9 a i e*2 9 a 9 a*2 9 a 9 a*3 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9*5 a 9*5 a 9 a 9 a 9 a 9 a 9 a 9 a 9 a 9*4 a 9 a q*5 9 a q a q a 9 a 9
a q*o e*3 9 a*2 e*2 a*8 j a*3 1f a*4 j a*n 1e*2 j*2 1e c*4 1f q*3 e*8 d*2 q*6 1k*1e 1v a c*4 q*8 1e*2 a*1e 1e*g 1f j q*8 e*2 a*a q*6 j*i a*6 e*3 a e a*2 j a*12 j*8 e*2 a*n
j*b 1e 1i q*b e 1h*t q*3 j*3 1e a*1b j 1e*2 j*4 1e*2 j*2 1e*2 1i e*d q a*b q*4 e*2 a*5 j a*p q a*15 j*6 1e*2 j*2 1e*2 j*2 q*9 a*3 j a*8 j 1e q*2 a*a q*2 e*4 a*n e*3 a 1e j
1e a*1e j a j*3 a*2 j*2 a*5 j*2 a j a q*o a*3 e*2 a*b 1e j*2 1e*2 e*2 a*3 1e 1f q*a a*6 q*2 a*6 q*2 a*6 q*9 a*7 q a*7 q a*17 e*5 a*5 o a*3 e c*2 q*4 9*28 a*z 1e*2 j 1e*2 j
1e*2 e 1e 1f q*2 a*a q*6 a*8mc q*c 1h*n q*4 1h*1d q*4 1h*6io 1s*7i 1r*2 1s 1r 1s 1r*2 1s*a 1r 1s 1r 1s 1r*2 1s*2 1r*3 1s*1w q*2 1s*2y q*12 e*7 q*c e*5 q*5 u t u*a 1w u*d q
u*5 q u q u*2 q u*2 q u*a y*37 q*g y*a3 c*i y*1s q*2 y*1i q*7 c 1*w y*d c*3 m*g c*a q*6 j*g c*w b c b q c b c*9 d c*2 1p*2 c*3 q c d*2 c q*4 y*3 11 y q y*3r q*2 f q c*2
d*3 c*5 1p b 1p b*2 g*a b c*6 e*q c*6 e*q c*b 1s*a e 1s*19 e*2 1h e*u q*3 e*6 q*2 e*6 q*2 e*6 q*2 e*3 q*3 d*2 c*3 d*2 q c*7 q*a 1x*3 c*2 1*2 a*c q a*q q a*j q a*2 q a*f
q*2 a*e q*y a*3f q*5 e c e q*4 e*19 q*3 e*9 s*25 r*2 q c*d q*3 s q*1b e*19 j q*3m a*t q*3 a*1d q*f j g*r q*4 a*w e*4 q*9 a*k e a*8 e q*5 a*12 j*5 q*5 a*u q e a*10 q*4 a*8
e*6 q*16 9*14 a*3a q*2 a*a q*6 9*10 q*4 a*10 q*4 a*14 q*8 a*1g q*b e 9*b q 9*f q 9*7 q 9*2 q a*b q a*f q a*7 q a*2 q*1v a*8n q*9 a*m q*a a*8 q*o a e*5 q e*16 q e*9 q*1x
19*6 q*2 19 q 19*18 q 19*2 q*3 19 q*2 19*n q 1c*9 19*n 1c*9 19*v q*8 1c*9 q*1c 19*j q 19*2 q*5 1c*5 19*m 1c*6 q*3 c 19*q q*5 1c q*1s 19*1k q*4 1c*2 19*2 1c*g q*2 1c*1a 19
j*3 q j*2 q*5 j*4 19*4 q 19*3 q 19*t q*2 j*3 q*4 1f 1c*9 q*7 1c*9 q*7 19*t 1c*3 19*t 1c*3 q*w 1a*5 1d 19 1d 1c 1d*2 19*2 1y 1d*5 1a*4 1y 1a*5 1d 1a*3 1d 19*2 1d j*2 q*4
1z*4 20 1c*7 q*9 19*1i q*3 c*7 19*m q*2 1c*8 19*j q*5 1c*8 1a 1d 1a 1d*3 1a*3 1d 1a*2 1d 1a 1d*2 1a 1d q*7 1c*4 q*c 20*4 1z*2 1c q*28 19*21 q*1j 21*1f q*d 19*1f q*7 1c*6
22 10*x 12 10 j*4 q*8 23*a q*86 15*v q 19*16 q j*2 1c q*2 19*2 q*23 j*3 19*t 1c*a 19 q*8 10*3 12 10*h 11 j*b 17*3 16 y*5 q*m 1a*4 1d*2 1a*c j*4 1c*4 q*12 1a 19 1a*2 1d*3
19 1a 1d*2 1a*2 1d 1a*2 19 1a 1d*2 1a 1c*4 20 1z 24 q*k 19*n q*9 1e j 1e a*1h j*e 1f e*7 q*4 c*k a*a 1f a*2 j*2 a q*9 1f j*2 1e a*19 1e*3 j*4 1e*2 1f j e*2 1h e*4 j q*a 1h
q*2 a*p q*7 a*a q*6 j*3 a*10 j*5 1e j*6 1f*2 q a*a e*4 a 1e*2 a q*8 a*z j e*2 a q*9 j*2 1e a*1c 1e*3 j*9 1e 1i a*4 e*4 j*4 e 1e j a*b e a e*3 q e*k q*b a*i q a*p 1e*3 j*3
1e*2 j 1i j*2 e*6 j a*2 j q*1q a*7 q a q a*4 q a*f q a*a e q*6 a*1b j 1e*3 j*7 1f q*5 a*a q*6 j*2 1e*2 q a*8 q*2 a*2 q*2 a*m q a*7 q a*2 q a*5 q j*2 a 1e*2 j 1e*4 q*2 1e*2
q*2 1e*2 1i q*2 a q*6 1e q*5 a*5 1e*2 q*2 j*7 q*3 j*5 q*3v a*1h 1e*3 j*8 1e*2 1f j*2 1e j a*4 e*5 a*a e*2 q e j a*3 q*u a*1c 1e*3 j*6 1e j 1e*4 j*2 1e 1f j a*2 e a q*8 a*a
q*4m a*1b 1e*3 j*4 q*2 1e*4 j*2 1e 1f j e*n a*4 j*2 q*y a*1c 1e*3 j*8 1e*2 j 1e 1f j e*3 a q*b a*a q*6 c*d q*j a*17 j 1e j 1e*2 j*6 1i j a e q*6 a*a q*1i a*r q*2 j*3 1e*2
j*4 1e j*4 1f q*4 a*a e*6 a*7 q*55 a*18 1e*3 j*9 1e 1f j e q*2s 9*w a*16 e*9 q*c a*8 q*2 a q*2 a*8 q a*2 q a*o 1e*6 q 1e*2 q*2 j*2 1i 1f a 1e a 1e j e*3 q*9 a*a q*1y a*8
q*2 a*13 1e*3 j*4 q*2 j*2 1e*4 1f a e a 1e q*r a j*6 1g*2 j*2 a*14 j 1f j*4 1e a j*4 e*8 1f q*8 a j*6 1e*2 j*3 a*1a j*d 1e j 1f e*3 a e*5 q*d a*21 q*7 e*a q*6u a*9 q a*11
1e j*7 q j*6 1e 25 a e*5 q*a a*a e*j q*3 e*2 a*u q*2 j*m q 1e j*7 1e j*2 1e j*2 q*21 a*7 q a*2 q a*12 j*6 q*3 j q j*2 q j*5 1f*2 a j q*8 a*a q*6 a*6 q a*2 q a*w 1e*5 q j*2
q 1e*2 j 1e 1f a q*7 a*a q*8m a*j j*2 1e*2 e*2 q*7 j*2 a 1e a*d q a*y 1e*2 j*5 q*3 1e*2 j 1i 1f e*d a*a q*2e a q*f e*l c*8 d*4 c*h q*d e a*pm q*2u e*33 q e*5 q*b a*5g
q*218 a*2p e*2 q*d a*ts 1m*g j a*6 j*f q*33e a*g7 q*6nt a*ft q*7 a*v q a*a q*4 e*2 a*27 q a*a q*6 a*u q*2 j*5 e q*a a*1c j*7 e*9 a*4 e*2 q*a a*a q e*7 q a*l q*5 a*j q*j4
9*w a*w e*r q*2t a*23 q*4 j a 1e*1j q*7 j*4 a*d q*1s a*2 1q 1r j q*b 26*2 q*e a*4qg q*8 a*ye q*16 a*9 q*6w7 1r*4 q 1r*7 q 1r*2 q 1r*83 q*f 1r q*t 1r*3 q*2 1r q*e 1r*4 q*8
a*b0 q*1s4 a*2z q*5 a*d q*3 a*9 q*7 a*a q*2 e j*2 e f*4 q*3mk j*1a q*2 j*n q*9 e*38 q*1o e*6u q*a e*13 q*2 e*1o 27*2 l*3 e*3 27*6 f*8 l*8 e*2 l*7 e*u l*4 e*1n c*2 q*l s*1u
28*3 s q*3e e*k q*c e*k q*c c*2f q*9 e*p q*3r e*2d q e*1z q e*2 q*2 e q*2 e*2 q*2 e*4 q e*c q e q e*7 q e*1t q e*4 q*2 e*8 q e*7 q e*s q e*4 q e*5 q e q*3 e*7 q e*9g q*2
e*1f c e*1l c e*1l c e*1l c e*1l c e*8 q*2 g*1e e*e8 j*1j e*4 j*1e e*8 j e*e j e*7 q*f j*5 q j*f q*uo a*v q*6 a*6 q*5x j*7 q j*h q*2 j*7 q j*2 q j*5 q*5 e*1q q*x j q*34
a*19 q*3 j*7 a*7 q*2 a*a q*4 a e q*8w a*u j q*h a*18 j*4 a*a q*5 d q*cw a*s j*4 a*a q*km a*7 q a*4 q a*2 q a*f q 19*5h q*2 1c*9 j*7 q*15 29*y 1a*y j*7 2a q*4 19*a q*4 1c*2
q*lt y*1w q*24 y*1p q*5e y*4 q y*r q y*2 q y q*2 y q y*a q y*4 q y q y q*6 y q*4 y q y q y q y*3 q y*2 q y q*2 y q y q y q y q y q y*2 q y q*2 y*4 q y*7 q y*4 q y*4 q y q
y*a q y*h q*5 y*3 q y*5 q y*h q*1g c*2 q*7i c*18 q*4 c*2s q*c c*f q*2 c*f q c*f q c*11 q*a g*b c*5 e*v c e*1m c*6 e*1p c q*1k e*q 1s e*2 q*d e*18 q*4 e*9 q*7 e*2 q*e c*6
q*4a c*rc q*4 c*h q*3 c*d q*3 c*3b q*4 c*2n q*6 c*c q*4 c q*f c*c q*4 c*1k q*8 c*a q*6 c*14 q*8 c*u q*2 c*2 q*26 c*9g q*c c*e q*2 c*d q*3 c*9 q*7 c*1a q c*7 q*8 c*e q*4
c*9 q*7 c*9 q*7 c*43 q c*1j q*11 g*a q*sk 1*2 1r*wyo q*w 1r*37e q*6 1r*66 q*2 1r*4g2 q*e 1r*5rl q*2e7 1s*f2 q*15s 1*2 1r*3t7 q*5 1r*38g q*17im 1*2 q*1eke 1*2 q*1eke 1*2
q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q*1eke 1*2 q f q*u f*2o q*3k m*6o q*1e6m 1*2 1h*1eke 1*2 1h*1eke 1*2
`;
