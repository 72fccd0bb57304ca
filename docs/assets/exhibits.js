"use strict";(()=>{function g(n,e="",o=""){let i=document.createElement(n);return e&&(i.className=e),o&&(i.textContent=o),i}function F(n,e,o){let i=g("label","choice"),s=g("select");return D(s,e),s.addEventListener("change",()=>o(s.value)),i.append(g("span","",n),s),{label:i,control:s}}function D(n,e){n.replaceChildren(...e.map(([o,i])=>new Option(i,o)))}function y({name:n,from:e,to:o,step:i,value:s,says:m=String},a){let l=g("label","slider"),c=g("input"),t=g("output","",m(s));return Object.assign(c,{type:"range",min:String(e),max:String(o),step:String(i),value:String(s)}),c.setAttribute("aria-valuetext",m(s)),c.addEventListener("input",()=>{let r=Number(c.value);t.textContent=m(r),c.setAttribute("aria-valuetext",m(r)),a(r)}),l.append(g("span","",n),c,t),l}function T(n,e,o){return F(n,e.map(i=>[i,i]),o).label}function E(n,e,o,i,s){let m=g("table","numbers");m.append(g("caption","",i)),m.createTHead().insertRow().append(g("td"),...e.map(t=>O(t,"col")));let l=m.createTBody();n.forEach((t,r)=>{let p=l.insertRow();p.append(O(t,"row")),e.forEach((d,u)=>{p.append(U(o(r,u),s&&(f=>s(r,u,f)),`${t}, ${e[u]}`))})});let c=g("div","frame");return c.append(m),c}function O(n,e){let o=g("th","",n);return o.scope=e,o}function U({share:n,text:e="",hidden:o=!1,chosen:i=!1},s,m){let a=g("td",[o&&"hidden",i&&"chosen",n>.55&&"dark"].filter(Boolean).join(" "));if(a.style.setProperty("--share",`${Math.round(100*Math.min(1,Math.max(0,n)))}%`),!s)return a.textContent=e,a;let l=g("button","",e);return l.type="button",l.setAttribute("aria-pressed",String(!o)),l.setAttribute("aria-label",`${m}: ${o?"hidden":"visible"}`),l.addEventListener("pointerdown",c=>{l.releasePointerCapture(c.pointerId),S=o,s(o)}),l.addEventListener("pointerenter",c=>{c.buttons===1&&S!==void 0&&S===o&&s(S)}),l.addEventListener("click",c=>{c.detail===0&&s(o)}),a.append(l),a}var S;function I(n,e,o,i){let s=Math.max(1e-9,...o.flat().map(Math.abs));return E(n,e,(a,l)=>({share:Math.abs(o[a][l])/s,text:v(o[a][l])}),i)}function v(n,e=2){let o=n.toFixed(e);return Number(o)===0?"":o.replace("-","\u2212")}var M={sharpness:1,causal:!1,window:0,slope:0,softcap:0,sink:Number.NEGATIVE_INFINITY,base:0,stretch:1};function _(n,e,o){return n.map((i,s)=>{let m=i.length/2,a=[...i];for(let l=0;l<m;l++){let c=s/o*e**(-l/m),[t,r]=[i[l],i[l+m]];a[l]=t*Math.cos(c)-r*Math.sin(c),a[l+m]=r*Math.cos(c)+t*Math.sin(c)}return a})}function k({causal:n,window:e}){return(o,i)=>(!n||i<=o)&&(e===0||i<=o&&o-i<e)}function L(n,e,o,i=k(o)){let{sharpness:s,slope:m,softcap:a,base:l,stretch:c}=o,[t,r]=l>0?[_(n,l,c),_(e,l,c)]:[n,e];return t.map((p,d)=>r.map((u,f)=>{if(!i(d,f))return Number.NEGATIVE_INFINITY;let h=s*j(p,u)/Math.sqrt(p.length);return a>0&&(h=a*Math.tanh(h/a)),h-m*Math.abs(d-f)}))}function w(n,e=Number.NEGATIVE_INFINITY){return n.map(o=>{let i=Math.max(e,...o);if(i===Number.NEGATIVE_INFINITY)return o.map(()=>0);let s=o.map(a=>Math.exp(a-i)),m=s.reduce((a,l)=>a+l,Math.exp(e-i));return s.map(a=>a/m)})}function B(n,e,o){let i=[],[s,m]=[Number.NEGATIVE_INFINITY,0],a=e[0].map(()=>0);for(let l=0;l<n.length;l+=o){let c=n.slice(l,l+o),t=Math.max(s,...c),r=s===Number.NEGATIVE_INFINITY?0:Math.exp(s-t),p=c.map(u=>Math.exp(u-t));m=m*r+p.reduce((u,f)=>u+f,0),a=a.map((u,f)=>p.reduce((h,b,x)=>h+b*e[l+x][f],u*r)),s=t;let d=a.map(u=>u/m);i.push({from:l,to:Math.min(l+o,n.length),top:s,correction:r,total:m,mixed:a,output:d})}return i}var V=["linear","gated","delta","gated delta"];function G(n,e,o,i,s){let m=n[0].map(()=>e[0].map(()=>0));return n.map((a,l)=>{let c=m,t=o.startsWith("gated")?c.map(d=>d.map(u=>s*u)):c,r=e[l].map((d,u)=>a.reduce((f,h,b)=>f+h*t[b][u],0)),p=e[l].map((d,u)=>o.endsWith("delta")?i*(d-r[u]):d);return m=t.map((d,u)=>d.map((f,h)=>f+a[u]*p[h])),{before:c,found:r,after:m}})}var H=["all","the last","the first two and the last","the most looked at","what the newest looks at"];function W(n,e,o){let i=n.map(()=>0),s=[];return n.map((m,a)=>{let l=[...s,a],c=w([l.map(r=>m[r])])[0];for(let[r,p]of l.entries())i[p]+=c[r];s=z(l,c,i,e,o);let t=m.map(()=>Number.NaN);for(let[r,p]of l.entries())t[p]=c[r];return t})}function z(n,e,o,i,s){let m=n[n.length-1];if(i==="all"||n.length<=s)return[...n];if(i==="the last")return n.slice(-s);if(i==="the first two and the last")return n.filter(c=>c<2||c>m-(s-2));if(i==="what the newest looks at"){let c=[...n.keys()].sort((t,r)=>e[r]-e[t]||t-r).slice(0,s);return n.filter((t,r)=>c.includes(r))}let a=n.slice(-2);return[...n.slice(0,-2).sort((c,t)=>o[t]-o[c]||c-t).slice(0,s-2),...a].sort((c,t)=>c-t)}function j(n,e){return n.reduce((o,i,s)=>o+i*e[s],0)}var C={attention:X,masks:J,tiles:Q,states:Z,caches:ee};function N(n,e){let o=g("div","controls");o.append(...e);let i=g("div","shown");return i.setAttribute("aria-live","off"),n.replaceChildren(o,i),i}function X(n,{tokens:e,query:o,key:i,from:s}){let m={...M},a=t=>{Object.assign(m,t),c()},l=N(n,[y({name:"sharpness (1 / temperature)",from:-3,to:3,step:.25,value:0,says:t=>`\xD7 ${(2**t).toFixed(2)}`},t=>a({sharpness:2**t})),T("who may look at whom",["everybody","causal"],t=>a({causal:t==="causal"})),y({name:"window",from:0,to:e.length,step:1,value:0,says:t=>t===0?"none":`${t} keys`},t=>a({window:t})),y({name:"slope (ALiBi)",from:0,to:2,step:.125,value:0},t=>a({slope:t})),y({name:"softcap",from:0,to:5,step:.25,value:0,says:t=>t===0?"none":String(t)},t=>a({softcap:t})),y({name:"sink",from:-5,to:5,step:.25,value:-5,says:t=>t===-5?"none":String(t)},t=>a({sink:t===-5?Number.NEGATIVE_INFINITY:t})),y({name:"rotary base",from:0,to:4,step:.5,value:0,says:t=>t===0?"no positions":(10**t).toFixed(0)},t=>a({base:t===0?0:10**t})),y({name:"positions pressed together",from:1,to:8,step:1,value:1,says:t=>`\xF7 ${t}`},t=>a({stretch:t}))]),c=()=>{let t=k(m),r=w(L(o,i,m),m.sink),p=r.map(h=>h.reduce((b,x)=>b+x,0)),d=r.map(h=>-h.reduce((b,x)=>b+(x>0?x*Math.log(x):0),0)),u=d.reduce((h,b)=>h+b,0)/d.length,f=1-p.reduce((h,b)=>h+b,0)/p.length;l.replaceChildren(E(e,e,(h,b)=>({share:r[h][b],text:v(r[h][b]),hidden:!t(h,b)}),`Weights: rows look, columns are looked at (${s})`),g("p","said",`A row spreads over ${Math.exp(u).toFixed(1)} keys in the mean (entropy ${u.toFixed(2)} nats).${f>.005?` ${(100*f).toFixed(0)} % of the weight goes to the sink.`:""}`))};c()}var $={everybody:()=>!0,causal:(n,e)=>e<=n,"a window of 3":(n,e)=>e<=n&&n-e<3,"blocks of 4":(n,e)=>Math.floor(n/4)===Math.floor(e/4),"two documents":(n,e)=>e<=n&&n<5==e<5,"first and last":(n,e)=>e<=n&&(e<2||n-e<3),nobody:()=>!1};function J(n,{tokens:e,query:o,key:i}){let s=e.map((l,c)=>e.map((t,r)=>$.causal(c,r))),m=N(n,[T("begin with",["causal",...Object.keys($).filter(l=>l!=="causal")],l=>{s=e.map((c,t)=>e.map((r,p)=>$[l](t,p))),a()})]),a=()=>{let l=m.contains(document.activeElement)?[...m.querySelectorAll("button")].indexOf(document.activeElement):-1,c=w(L(o,i,M,(p,d)=>s[p][d])),t=s.flat().filter(Boolean).length,r=s.filter(p=>!p.includes(!0)).length;m.replaceChildren(E(e,e,(p,d)=>({share:c[p][d],text:v(c[p][d]),hidden:!s[p][d]}),"Press a cell, or draw over cells, to hide or to show them",(p,d,u)=>{s[p][d]=u,a()}),g("p","said",`${t} of ${e.length**2} pairs are computed.${r?` ${r} row${r>1?"s":""} may see nothing: its weights are 0, not NaN.`:""}`)),l>=0&&m.querySelectorAll("button")[l].focus()};a()}function Q(n,{tokens:e,query:o,key:i,value:s}){let m={row:e.length-1,size:3,step:1},a=s.map(r=>r.slice(0,2)),l=r=>{Object.assign(m,r),t()},c=N(n,[y({name:"token that looks",from:0,to:e.length-1,step:1,value:m.row,says:r=>e[r]},r=>l({row:r})),y({name:"keys in a tile",from:1,to:e.length,step:1,value:m.size},r=>l({size:r})),y({name:"tiles read",from:1,to:e.length,step:1,value:1},r=>l({step:r}))]),t=()=>{let r=L([o[m.row]],i,M)[0],p=B(r,a,m.size),d=Math.min(m.step,p.length)-1,u=p[d],f=r.map((b,x)=>x<u.to?Math.exp(b-u.top)/u.total:0),h=w([r])[0];c.replaceChildren(E(["score","weight so far","weight in the end"],e,(b,x)=>{let R=x<u.to,P=[r[x],f[x],h[x]];return{share:b===0?0:P[b],text:b<2&&!R?"":v(P[b]),hidden:b<2&&!R,chosen:x>=u.from&&x<u.to}},`Tile ${d+1} of ${p.length}`),I(["top","correction","total"],p.slice(0,d+1).map((b,x)=>`tile ${x+1}`),["top","correction","total"].map(b=>p.slice(0,d+1).map(x=>x[b])),"What is carried from tile to tile"),g("p","said",`Output if this were all: (${u.output.map(b=>b.toFixed(3)).join(", ")}). ${d===p.length-1?"It is all: this is the softmax, and no tile was read twice.":"Later tiles will rescale it."}`))};t()}var A=[[1,0],[.6,.8],[1,0],[0,1]],Y=[[3,0],[0,4],[5,1],[2,2]];function Z(n){let e={rule:"delta",beta:1,decay:.75,step:0},o=a=>{Object.assign(e,a),m()},i=N(n,[T("rule",[e.rule,...V.filter(a=>a!==e.rule)],a=>o({rule:a})),y({name:"write",from:0,to:A.length-1,step:1,value:0,says:a=>`number ${a+1}`},a=>o({step:a})),y({name:"\u03B2, how much is written",from:0,to:1,step:.125,value:1},a=>o({beta:a})),y({name:"decay",from:0,to:1,step:.125,value:.75},a=>o({decay:a}))]),s=["dim 0","dim 1"],m=()=>{let{before:a,found:l,after:c}=G(A,Y,e.rule,e.beta,e.decay)[e.step],[t,r]=[A[e.step],Y[e.step]],p=r.map((d,u)=>t.reduce((f,h,b)=>f+h*c[b][u],0));i.replaceChildren(I(s,["value 0","value 1"],a,"State before"),I(s,["value 0","value 1"],c,"State after"),g("p","said",`Key (${t.join(", ")}), value (${r.join(", ")}). Before, the state gave (${l.map(d=>d.toFixed(2)).join(", ")}) for this key; now it gives (${p.map(d=>d.toFixed(2)).join(", ")}).`))};m()}function ee(n,{tokens:e,query:o,key:i}){let s={policy:H[2],room:5},m=L(o,i,{...M,causal:!0}),a=w(m),l=r=>{Object.assign(s,r),t()},c=N(n,[T("what is kept",[s.policy,...H.filter(r=>r!==s.policy)],r=>l({policy:r})),y({name:"room for",from:3,to:e.length,step:1,value:s.room,says:r=>`${r} keys`},r=>l({room:r}))]),t=()=>{let r=W(m,s.policy,s.room),p=r.map((u,f)=>u.reduce((h,b,x)=>h+(Number.isNaN(b)?0:a[f][x]),0)),d=u=>`${(100*u).toFixed(0)} %`;c.replaceChildren(E(e,e,(u,f)=>{let h=Number.isNaN(r[u][f]);return{share:h?0:r[u][f],text:h?"":v(r[u][f]),hidden:h}},"A row a token, its own key beside those that are kept; hatched keys have gone, or are not there yet"),g("p","said",`With all keys, those that are here would have ${d(p.reduce((u,f)=>u+f,0)/p.length)} of the weight in the mean, and ${d(Math.min(...p))} in the worst row. What that does to the output, weights alone do not say.`))};t()}var K=`.exhibit {
  --ink: #342449;
  --paper: #fff;
  --line: #b4bac2;
  --focus: #c2410c;
  margin: 1rem 0 2rem;
}

[data-md-color-scheme="slate"] .exhibit {
  --ink: #9de0b9;
  --paper: #121418;
  --line: #4a5058;
  --focus: #ff922b;
}

.exhibit .controls {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
  gap: 0.4rem 1.2rem;
  margin-bottom: 0.6rem;
}

.exhibit .slider,
.exhibit .choice {
  display: flex;
  align-items: center;
  gap: 0.5rem;
  min-height: 2rem;
  font-size: 0.7rem;
}

.exhibit .slider span,
.exhibit .choice span {
  flex: 1;
}

.exhibit .slider input {
  width: 7rem;
  accent-color: var(--focus);
}

.exhibit .slider output {
  min-width: 4.2rem;
  font-variant-numeric: tabular-nums;
}

.exhibit select {
  font: inherit;
  padding: 0.2rem;
}

.exhibit .frame {
  overflow-x: auto;
}

.exhibit table.numbers {
  border-collapse: collapse;
  font-size: 0.6rem;
  margin: 0.4rem 0;
}

.exhibit table.numbers caption {
  text-align: left;
  padding: 0.2rem 0;
}

.exhibit table.numbers th {
  font-weight: normal;
  padding: 0 0.35rem;
  text-align: right;
  white-space: nowrap;
}

.exhibit table.numbers thead th {
  text-align: center;
}

.exhibit table.numbers td {
  border: 1px solid var(--line);
  min-width: 2.1rem;
  height: 1.6rem;
  padding: 0;
  text-align: center;
  font-variant-numeric: tabular-nums;
  background: color-mix(in srgb, var(--ink) var(--share, 0%), transparent);
}

.exhibit table.numbers thead td {
  border: 0;
}

.exhibit table.numbers td.dark {
  color: var(--paper);
}

.exhibit table.numbers td.hidden {
  background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 5px);
  color: inherit;
}

.exhibit table.numbers td.chosen {
  outline: 2px solid var(--focus);
  outline-offset: -2px;
}

.exhibit table.numbers button {
  all: unset;
  display: block;
  box-sizing: border-box;
  width: 100%;
  height: 1.6rem;
  line-height: 1.6rem;
  text-align: center;
  cursor: pointer;
  touch-action: none;
}

.exhibit table.numbers button:focus-visible {
  outline: 2px solid var(--focus);
  outline-offset: -2px;
}

.exhibit .said {
  margin: 0.3rem 0;
  font-size: 0.7rem;
}

@media (forced-colors: active) {
  .exhibit table.numbers td {
    forced-color-adjust: none;
  }
}
`;function ne(n,e){for(let o of n.querySelectorAll("[data-exhibit]")){let i=C[o.dataset.exhibit??""];if(!i)throw new Error(`expected one of ${Object.keys(C).join(", ")}, got ${o.dataset.exhibit}`);o.classList.add("exhibit"),i(o,e)}}var q=document.getElementById("exhibit-example");if(q){let n=g("style","",K);document.head.append(n),ne(document,JSON.parse(q.textContent??""))}})();
