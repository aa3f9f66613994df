#![allow(clippy::unwrap_used, clippy::print_stdout)]
use super::*;
const FIRST: [&str; 1] = [
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, body BLOB) STRICT; CREATE UNIQUE INDEX n ON item (name)",
];
fn ns(n: u32, mut f: impl FnMut(u32)) -> f64 {
    for i in 0..n / 10 {
        f(i)
    }
    let mut best = f64::MAX;
    for _ in 0..5 {
        let t = Instant::now();
        for i in 0..n {
            f(i)
        }
        best = best.min(t.elapsed().as_nanos() as f64 / f64::from(n));
    }
    best
}
#[test]
#[ignore]
fn measure() {
    let dir = tempfile::tempdir_in(std::env::var("MDIR").unwrap_or("/tmp".into())).unwrap();
    let path = dir.path().join("m");
    for durability in [Durability::Normal, Durability::Full] {
        let o = Options { durability, ..Options::default() };
        let path = path.with_extension(format!("{durability:?}"));
        let store = Store::open_as(&Location::File(path.clone()), &o, &FIRST).unwrap();
        if durability == Durability::Normal {
            store
                .write(|sql| {
                    for i in 0..100_000 {
                        sql.execute(
                            "INSERT INTO item (name, body) VALUES ($1, $2)",
                            &[Value::Text(&format!("name {i}")), Value::Blob(&[1; 200])],
                        )?;
                    }
                    Ok(())
                })
                .unwrap();
            let plain = store.site.connect(Role::Reader).unwrap();
            let q = "SELECT id, name FROM item WHERE id = $1";
            let a = ns(200_000, |i| {
                let mut s = plain.prepare_cached(q).unwrap();
                let x: i64 = s
                    .query_row([i64::from(i * 7919 % 100_000 + 1)], |r| {
                        let _ = r.get_ref(1)?.as_str();
                        r.get(0)
                    })
                    .unwrap();
                assert!(x > 0)
            });
            let mut held = plain.prepare(q).unwrap();
            let h = ns(200_000, |i| {
                let x: i64 = held
                    .query_row([i64::from(i * 7919 % 100_000 + 1)], |r| {
                        let _ = r.get_ref(1)?.as_str();
                        r.get(0)
                    })
                    .unwrap();
                assert!(x > 0)
            });
            let b = ns(200_000, |i| {
                let x = store
                    .read_one(|sql| {
                        sql.first(q, &[Value::Int(i64::from(i * 7919 % 100_000 + 1))], |r| {
                            r.text(1)?;
                            r.int(0)
                        })
                    })
                    .unwrap()
                    .unwrap();
                assert!(x > 0)
            });
            let c = ns(200_000, |i| {
                let x = store
                    .read(|sql| {
                        sql.first(q, &[Value::Int(i64::from(i * 7919 % 100_000 + 1))], |r| {
                            r.text(1)?;
                            r.int(0)
                        })
                    })
                    .unwrap()
                    .unwrap();
                assert!(x > 0)
            });
            println!("look-up: held {h:.0}, plain cached {a:.0}, read_one {b:.0}, read {c:.0} ns");
            for threads in [1u32, 2, 4] {
                let t = Instant::now();
                thread::scope(|s| {
                    for k in 0..threads {
                        let store = &store;
                        s.spawn(move || {
                            for i in 0..200_000u32 {
                                let x = store
                                    .read_one(|sql| {
                                        sql.first(
                                            q,
                                            &[Value::Int(i64::from((i + k * 777) * 7919 % 100_000 + 1))],
                                            |r| {
                                                r.text(1)?;
                                                r.int(0)
                                            },
                                        )
                                    })
                                    .unwrap()
                                    .unwrap();
                                assert!(x > 0)
                            }
                        });
                    }
                });
                println!(
                    "{threads} threads store: {:.0} look-ups/ms",
                    f64::from(threads) * 200_000.0 / t.elapsed().as_millis() as f64
                );
                let t = Instant::now();
                thread::scope(|s| {
                    for k in 0..threads {
                        let store = &store;
                        s.spawn(move || {
                            let plain = store.site.connect(Role::Reader).unwrap();
                            for i in 0..200_000u32 {
                                let mut s = plain.prepare_cached(q).unwrap();
                                let x: i64 =
                                    s.query_row([i64::from((i + k * 777) * 7919 % 100_000 + 1)], |r| r.get(0)).unwrap();
                                assert!(x > 0)
                            }
                        });
                    }
                });
                println!(
                    "{threads} threads plain: {:.0} look-ups/ms",
                    f64::from(threads) * 200_000.0 / t.elapsed().as_millis() as f64
                );
                let range = "SELECT id, name, body FROM item WHERE id BETWEEN $1 AND $1 + 50";
                let t = Instant::now();
                thread::scope(|s| {
                    for k in 0..threads {
                        let store = &store;
                        s.spawn(move || {
                            for i in 0..20_000u32 {
                                let mut n = 0;
                                store
                                    .read(|sql| {
                                        for j in 0..4 {
                                            sql.query(
                                                range,
                                                &[Value::Int(i64::from((i + k * 777 + j) * 7919 % 100_000 + 1))],
                                                &mut |r| {
                                                    n += r.text(1)?.len();
                                                    Ok(ControlFlow::Continue(()))
                                                },
                                            )?;
                                        }
                                        Ok(())
                                    })
                                    .unwrap();
                                assert!(n > 0)
                            }
                        });
                    }
                });
                println!(
                    "{threads} threads brief-like (4 x 50 rows): {:.1} /ms",
                    f64::from(threads) * 20_000.0 / t.elapsed().as_millis() as f64
                );
            }
        }
        let n = if durability == Durability::Normal { 20_000 } else { 500 };
        let mut k = 0u64;
        let ins = "INSERT INTO item (name, body) VALUES ($1, $2)";
        let w = ns(n, |_| {
            k += 1;
            store.write(|sql| sql.execute(ins, &[Value::Text(&format!("w {k}")), Value::Blob(&[1; 200])])).unwrap();
        });
        drop(store);
        let site = Site::new(path.clone(), &o, &FIRST);
        let mut plain = site.connect(Role::Writer).unwrap();
        let log = Arc::new(Log::new(path));
        let _ = (&mut plain, &log);
        for secure in [1, 0] {
            plain.execute_batch(&format!("PRAGMA secure_delete={secure}; PRAGMA wal_autocheckpoint=10000")).unwrap();
            let p = ns(n, |_| {
                k += 1;
                plain.prepare_cached("BEGIN IMMEDIATE").unwrap().raw_execute().unwrap();
                plain.prepare_cached(ins).unwrap().execute((format!("w {k}"), &[1u8; 200])).unwrap();
                plain.prepare_cached("COMMIT").unwrap().raw_execute().unwrap();
            });
            println!("{durability:?} write of one row: store {w:.0}, plain {p:.0} ns (secure_delete {secure})");
        }
    }
}
