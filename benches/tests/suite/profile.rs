//! What callgrind writes down is read rightly.

use benches::profile::Profile;

#[test]
fn costs_are_added_up_by_function_without_what_is_called() {
    let written = "version: 1\nevents: Ir\nfl=(1) a.rs\nfn=(1) <a::B<C<D>> as E<F>>::main\n16 400\n+2 100\n\
                   cfn=(2) http::HeaderMap<T>::insert\ncalls=50 16\n16 4000\n* 20\n\
                   fn=(2)\n17 650\n\nfn=(1)\n20 80\nfn=(3) small\n-3 10\ntotals: 5200\n";
    let expected = "| instructions | function |\n|---:|---|\n| 65 | `http::HeaderMap<T>::insert` |\n| 60 | `<a::B<C> as E<F>>::main` |\n\
                    | **126** | all, with those below 15 |";
    assert_eq!(Profile::read(written, 10).to_string(), expected);
    let half = Profile::read("fn=(1) small\n1 20\n", 10);
    let beyond = Profile::read(written, 10).beyond(&half).to_string();
    assert!(beyond.ends_with("| **124** | all, with those below 15 |"), "{beyond}");
}
