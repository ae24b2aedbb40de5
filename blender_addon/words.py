# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and tooltips in other languages. Plain data, nothing of Blender in here.

Words of the trade stay as compositors say them there. What Blender names itself it translates too.
"""

from __future__ import annotations

LANGUAGES = ("de", "fr", "es", "ja", "zh")
"""Order of the columns below."""

LABELS: dict[str, tuple[str, str, str, str, str]] = {
    "Solve": ("Lösen", "Résoudre", "Resolver", "解析", "解算"),
    "Resume": ("Fortsetzen", "Reprendre", "Reanudar", "再開", "继续"),
    "Bake": ("Backen", "Précalculer", "Procesar", "ベイク", "烘焙"),
    "Cancel": ("Abbrechen", "Annuler", "Cancelar", "キャンセル", "取消"),
    "Send to Farm": (
        "An die Farm senden",
        "Envoyer à la ferme",
        "Enviar a la granja",
        "ファームへ送信",
        "发送到农场",
    ),
    "Show Preview": (
        "Vorschau zeigen",
        "Afficher l'aperçu",
        "Mostrar vista previa",
        "プレビューを表示",
        "显示预览",
    ),
    "Options": ("Optionen", "Options", "Opciones", "オプション", "选项"),
    "Shot": ("Einstellung", "Plan", "Toma", "ショット", "镜头"),
    "Lens": ("Objektiv", "Objectif", "Objetivo", "レンズ", "透镜"),
    "Layers": ("Ebenen", "Calques", "Capas", "レイヤー", "图层"),
    "Layer": ("Ebene", "Calque", "Capa", "レイヤー", "图层"),
    "Import Passes": (
        "Passes importieren",
        "Importer les passes",
        "Importar pasadas",
        "パスを読み込む",
        "导入通道",
    ),
    "Pick Focus": (
        "Schärfe wählen",
        "Choisir la mise au point",
        "Elegir enfoque",
        "ピント位置を選ぶ",
        "拾取焦点",
    ),
    "Focus on Layer": (
        "Auf Ebene scharfstellen",
        "Mise au point sur le calque",
        "Enfocar la capa",
        "レイヤーにピント",
        "对焦到图层",
    ),
    "Camera Follows Focus": (
        "Kamera folgt der Schärfe",
        "La caméra suit le point",
        "La cámara sigue el foco",
        "カメラがピントに追従",
        "摄像机跟随焦点",
    ),
    "Use on Strip": (
        "Auf Strip verwenden",
        "Utiliser sur la bande",
        "Usar en la tira",
        "ストリップで使う",
        "用于片段",
    ),
    "Paint Atlas": (
        "Atlas bemalen",
        "Peindre l'atlas",
        "Pintar el atlas",
        "アトラスを描く",
        "绘制图集",
    ),
    "Save": ("Speichern", "Enregistrer", "Guardar", "保存", "保存"),
    "Save Paint": (
        "Malerei speichern",
        "Enregistrer la peinture",
        "Guardar pintura",
        "ペイントを保存",
        "保存绘制",
    ),
    "Reset": ("Zurücksetzen", "Réinitialiser", "Restablecer", "リセット", "重置"),
    "Reset Paint": (
        "Malerei verwerfen",
        "Annuler la peinture",
        "Descartar pintura",
        "ペイントをリセット",
        "重置绘制",
    ),
    "Propagate": ("Übertragen", "Propager", "Propagar", "全フレームへ", "传播"),
    "Propagate Exactly": (
        "Genau übertragen",
        "Propager exactement",
        "Propagar con exactitud",
        "正確に全フレームへ",
        "精确传播",
    ),
    "Test": ("Testen", "Tester", "Probar", "テスト", "测试"),
    "Set It in Preferences": (
        "In Einstellungen angeben",
        "Régler dans les préférences",
        "Indicar en preferencias",
        "プリファレンスで設定",
        "在偏好设置中指定",
    ),
    "Use as Plate": (
        "Als Plate verwenden",
        "Utiliser comme plate",
        "Usar como placa",
        "プレートに使う",
        "用作素材",
    ),
    "Add Matte": (
        "Maske hinzufügen",
        "Ajouter un cache",
        "Añadir mate",
        "マットを追加",
        "添加遮罩",
    ),
    "Remove Matte": (
        "Maske entfernen",
        "Retirer le cache",
        "Quitar mate",
        "マットを削除",
        "移除遮罩",
    ),
    "Draw Box": ("Rahmen ziehen", "Tracer un cadre", "Dibujar marco", "枠を描く", "绘制框"),
    "Follow": ("Verfolgen", "Suivre", "Seguir", "追跡", "跟随"),
    "Follow From": ("Verfolgen ab", "Suivre depuis", "Seguir desde", "追跡の元", "跟随来源"),
    "Plate": ("Plate", "Plate", "Placa", "プレート", "素材"),
    "Plate From": ("Plate aus", "Plate depuis", "Placa desde", "プレートの元", "素材来源"),
    "Matte": ("Maske", "Cache", "Mate", "マット", "遮罩"),
    "Matte From": ("Maske aus", "Cache depuis", "Mate desde", "マットの元", "遮罩来源"),
    "Quality": ("Qualität", "Qualité", "Calidad", "品質", "质量"),
    "Draft": ("Entwurf", "Brouillon", "Borrador", "ドラフト", "草稿"),
    "Standard": ("Standard", "Standard", "Estándar", "標準", "标准"),
    "High": ("Hoch", "Haute", "Alta", "高", "高"),
    "Limit Time": (
        "Zeit begrenzen",
        "Limiter la durée",
        "Limitar el tiempo",
        "時間を制限",
        "限制时间",
    ),
    "Minutes": ("Minuten", "Minutes", "Minutos", "分", "分钟"),
    "Frames": ("Bilder", "Images", "Fotogramas", "フレーム", "帧"),
    "Passes": ("Passes", "Passes", "Pasadas", "パス", "通道"),
    "Farm Job": ("Farm-Job", "Tâche de ferme", "Trabajo de granja", "ファームジョブ", "农场任务"),
    "Start Over": ("Neu beginnen", "Recommencer", "Empezar de nuevo", "最初から", "重新开始"),
    "View": ("Ansicht", "Vue", "Vista", "表示", "视图"),
    "Result": ("Ergebnis", "Résultat", "Resultado", "結果", "结果"),
    "Focal Plane": ("Schärfeebene", "Plan focal", "Plano focal", "焦点面", "焦平面"),
    "Sharp": ("Scharf", "Net", "Nítido", "シャープ", "清晰"),
    "Beauty Pass": (
        "Beauty-Pass",
        "Passe beauty",
        "Pasada beauty",
        "ビューティーパス",
        "Beauty 通道",
    ),
    "COC": ("Zerstreuungskreis", "Cercle de confusion", "Círculo de confusión", "錯乱円", "弥散圆"),
    "Confidence": ("Verlässlichkeit", "Confiance", "Confianza", "信頼度", "置信度"),
    "Focus": ("Schärfe", "Mise au point", "Enfoque", "ピント", "焦点"),
    "Follow Plate": (
        "Plate folgen",
        "Suivre le plate",
        "Seguir la placa",
        "プレートに従う",
        "跟随素材",
    ),
    "Aperture": ("Blende", "Ouverture", "Apertura", "絞り", "光圈"),
    "Near": ("Nah", "Près", "Cerca", "手前", "近"),
    "Far": ("Fern", "Loin", "Lejos", "奥", "远"),
    "Max Radius": ("Größter Radius", "Rayon maximal", "Radio máximo", "最大半径", "最大半径"),
    "Blades": ("Lamellen", "Lames", "Láminas", "羽根", "叶片"),
    "Rotation": ("Drehung", "Rotation", "Rotación", "回転", "旋转"),
    "Roundness": ("Rundung", "Arrondi", "Redondez", "丸み", "圆度"),
    "Inner Ring": ("Innerer Ring", "Anneau interne", "Anillo interior", "内側の輪", "内环"),
    "Paint": ("Malerei", "Peinture", "Pintura", "ペイント", "绘制"),
    "Time grows with its square": (
        "Zeit wächst quadratisch",
        "Le temps croît au carré",
        "El tiempo crece al cuadrado",
        "時間は二乗で増える",
        "耗时随平方增长",
    ),
    "No matte: the frame is one layer": (
        "Keine Maske: eine einzige Ebene",
        "Sans cache : un seul calque",
        "Sin mate: una sola capa",
        "マットなし: 全体が1レイヤー",
        "无遮罩: 整帧为一层",
    ),
    "Match Scene to Shot": (
        "Szene anpassen",
        "Adapter la scène",
        "Ajustar la escena",
        "シーンを合わせる",
        "场景匹配镜头",
    ),
    "Keep Frame Numbers": (
        "Bildnummern behalten",
        "Garder les numéros",
        "Mantener números",
        "番号を保つ",
        "保留帧号",
    ),
    "Start Frame": ("Erstes Bild", "Première image", "Primer fotograma", "開始フレーム", "起始帧"),
    "Connect to Output": (
        "Mit Ausgabe verbinden",
        "Relier à la sortie",
        "Conectar a la salida",
        "出力へ接続",
        "连接到输出",
    ),
    "Show in Its Place": (
        "An dessen Stelle zeigen",
        "Afficher à sa place",
        "Mostrar en su lugar",
        "置き換えて表示",
        "替换显示",
    ),
    "Insert Key": (
        "Keyframe setzen",
        "Insérer une clé",
        "Insertar clave",
        "キーを挿入",
        "插入关键帧",
    ),
    "Python of pullfocus": (
        "Python von pullfocus",
        "Python de pullfocus",
        "Python de pullfocus",
        "pullfocus の Python",
        "pullfocus 的 Python",
    ),
    "Solve On": ("Lösen auf", "Résoudre sur", "Resolver en", "解析デバイス", "解算设备"),
    "Submit With": ("Absenden mit", "Soumettre avec", "Enviar con", "送信コマンド", "提交命令"),
    "Front Layer At": (
        "Vordere Ebene bei",
        "Premier calque à",
        "Capa delantera a",
        "手前の距離",
        "前层距离",
    ),
    "Last Layer At": (
        "Hinterste Ebene bei",
        "Dernier calque à",
        "Última capa a",
        "奥の距離",
        "末层距离",
    ),
}

TOOLTIPS: dict[str, tuple[str, str, str, str, str]] = {
    "Solve the shot, bake its passes and import them; goes on where an earlier solve stopped": (
        "Die Einstellung lösen, ihre Passes backen und importieren; macht weiter, wo ein früherer Lauf aufhörte",
        "Résoudre le plan, calculer ses passes et les importer ; reprend là où un calcul s'est arrêté",
        "Resolver la toma, procesar sus pasadas e importarlas; sigue donde se detuvo antes",
        "ショットを解析し、パスをベイクして読み込む。前回止まった所から続ける",
        "解算镜头, 烘焙并导入通道; 从上次停止处继续",
    ),
    "Write and import the passes of a solve, finished or stopped": (
        "Die Passes einer Lösung schreiben und importieren, fertig oder angehalten",
        "Écrire et importer les passes d'une résolution, finie ou arrêtée",
        "Escribir e importar las pasadas de una solución, acabada o detenida",
        "解析結果のパスを書き出して読み込む (途中でもよい)",
        "写出并导入解算的通道, 无论完成与否",
    ),
    "Save and stop; Solve goes on from there later": (
        "Speichern und anhalten; Lösen macht später dort weiter",
        "Enregistrer et arrêter ; Résoudre reprendra de là",
        "Guardar y parar; Resolver seguirá desde ahí",
        "保存して停止。後で続きから解析できる",
        "保存并停止; 之后可从此处继续",
    ),
    "Click what shall be sharp at this frame, in the Image editor or on the backdrop": (
        "Anklicken, was in diesem Bild scharf sein soll, im Bildeditor oder auf dem Hintergrund",
        "Cliquer sur ce qui doit être net à cette image, dans l'éditeur d'images ou sur le fond",
        "Pulsar lo que debe ser nítido en este fotograma, en el editor de imágenes o en el fondo",
        "このフレームでピントを合わせる所を、画像エディターか背景でクリック",
        "在图像编辑器或背景上点击此帧应清晰之处",
    ),
    "Focus on the middle of a layer at this frame": (
        "In diesem Bild auf die Mitte einer Ebene scharfstellen",
        "Faire le point sur le milieu d'un calque à cette image",
        "Enfocar el centro de una capa en este fotograma",
        "このフレームでレイヤーの中央にピントを合わせる",
        "在此帧对焦到图层中央",
    ),
    "Key the scene camera's depth of field so that CG blurs as the shot does, frame by frame": (
        "Schärfentiefe der Szenenkamera so setzen, dass CG Bild für Bild unscharf ist wie die Einstellung",
        "Animer la profondeur de champ de la caméra pour que la 3D soit floue comme le plan, image par image",
        "Animar la profundidad de campo de la cámara para que el CG se desenfoque como la toma",
        "CG がショットと同じようにぼけるよう、カメラの被写界深度にフレームごとのキーを打つ",
        "为场景摄像机的景深逐帧设置关键帧, 使 CG 与镜头虚化一致",
    ),
    "Open the layer's atlas for painting; every frame follows": (
        "Den Atlas der Ebene zum Malen öffnen; jedes Bild folgt",
        "Ouvrir l'atlas du calque pour peindre ; toutes les images suivent",
        "Abrir el atlas de la capa para pintar; todos los fotogramas siguen",
        "レイヤーのアトラスを開いて描く。全フレームが従う",
        "打开图层图集进行绘制; 所有帧随之变化",
    ),
    "Write the painted atlas beside the passes": (
        "Den bemalten Atlas neben die Passes schreiben",
        "Écrire l'atlas peint à côté des passes",
        "Escribir el atlas pintado junto a las pasadas",
        "描いたアトラスをパスの隣に保存する",
        "将绘制的图集写在通道旁",
    ),
    "Carry the paint through the solve with pullfocus edit, exactly, into passes of their own": (
        "Die Malerei mit pullfocus edit genau durch die Lösung tragen, in eigene Passes",
        "Porter la peinture à travers la résolution avec pullfocus edit, exactement, dans ses propres passes",
        "Llevar la pintura por la solución con pullfocus edit, exactamente, a pasadas propias",
        "pullfocus edit でペイントを正確に全フレームへ運び、別のパスに書く",
        "用 pullfocus edit 将绘制精确传到独立的通道",
    ),
    "Start pullfocus and show its version and the device it finds": (
        "pullfocus starten und Version und Gerät zeigen",
        "Lancer pullfocus et afficher sa version et son matériel",
        "Iniciar pullfocus y mostrar su versión y dispositivo",
        "pullfocus を起動し、版とデバイスを表示する",
        "启动 pullfocus 并显示版本与设备",
    ),
    "The misfocused footage": (
        "Das unscharfe Material",
        "Les rushes mal mis au point",
        "El material desenfocado",
        "ピントの外れた素材",
        "失焦的素材",
    ),
    "How much work to spend": (
        "Wie viel Arbeit aufgewendet wird",
        "Combien de travail y consacrer",
        "Cuánto trabajo dedicar",
        "どれだけ計算するか",
        "投入多少计算",
    ),
    "What Image shows": (
        "Was Image zeigt",
        "Ce que montre Image",
        "Lo que muestra Image",
        "Image が表示するもの",
        "Image 显示的内容",
    ),
}


def table(locales: tuple[str, ...]) -> dict[str, dict[tuple[str, str], str]]:
    """Return what Blender wants: by locale, by context and English text, the translation.

    Args:
        locales: those that this Blender has, such as de_DE, es, zh_HANS.
    """
    found: dict[str, dict[tuple[str, str], str]] = {}
    for locale in locales:
        language = locale.split("_")[0]
        if language not in LANGUAGES or locale in ("zh_HANT", "zh_TW"):
            continue
        column = LANGUAGES.index(language)
        words = found.setdefault(locale, {})
        for text, row in {**LABELS, **TOOLTIPS}.items():
            words["*", text] = row[column]
            words["Operator", text] = row[column]  # labels of operators have a context of their own
    return found
